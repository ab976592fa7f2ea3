"""Changing the master key: everything sealed is sealed anew, page by page, while servers go on.

The order makes it safe to die anywhere and to run again: the new key is written beside the old one before the first
value is sealed with it, every value is replaced by itself, and the old key goes only after a whole look over all tables
has found nothing that still needs it.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import InternalError
from sluicegate.core.ports import UnitOfWork, UnitOfWorkFactory
from sluicegate.core.sealed_values import SealedValue
from sluicegate.services.master_key import keep_lasting_keys
from sluicegate.services.vault import AesVault
from sluicegate.services.vault_keys import KEY_BYTES, MasterKeys

__all__ = ["KeyRotation", "Rotated"]

_PAGE: Final = 200
_ROUNDS_MAX: Final = 20
_PAUSE: Final = 1.0
_PATIENCE: Final = 120.0
"""Seconds for transactions that were open at the beginning; the database ends an idle one after 60."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did.

    Attributes:
        values: how many were sealed anew.
        to_do: what is left to the operator, as a sentence; empty when nothing.
    """

    values: int
    to_do: str


class KeyRotation:
    """The use case.

    Args:
        transactions: opens units of work.
        vault: over ``keys``.
        keys: where the master key is.
        told: hears how many values of which column are done.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        vault: AesVault,
        keys: MasterKeys,
        told: Callable[[str, int], None] = lambda *_: None,
    ) -> None:
        self._transactions = transactions
        self._vault = vault
        self._keys = keys
        self._told = told

    async def run(self, *, end_links: bool = False) -> Rotated:
        """Rotates, or finishes a rotation that was cut short.

        Args:
            end_links: whether signed links and tokens handed out so far end, for when the old key has leaked.

        Raises:
            InvalidInput: the operator must give a new key first.
            InternalError: a value cannot be opened (says which), or somebody goes on sealing with the old key.
        """
        self._keys.begin()
        crash_point(CrashPoint.KEY_BESIDE)
        async with self._transactions() as tx:
            await keep_lasting_keys(tx, self._vault, signing=secrets.token_bytes(KEY_BYTES) if end_links else None)
        done = await self._seal_everything()
        await self._let_others_end()
        for _ in range(_ROUNDS_MAX):
            found = await self._seal_everything()
            if not found:
                return Rotated(done, self._keys.finish())
            done += found
            await asyncio.sleep(_PAUSE)
        raise InternalError(
            "Values are still being sealed with the old master key.",
            action="Restart every server of this installation, and run this again.",
        )

    async def _let_others_end(self) -> None:
        """Waits until whoever may have sealed with the old key, and not written it yet, is done."""
        await asyncio.sleep(_PAUSE)
        async with self._transactions() as tx:
            moment = await tx.sealed.now()
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    async with self._transactions() as tx:
                        if not await tx.sealed.open_since_before(moment):
                            return
                    await asyncio.sleep(_PAUSE / 4)
        except TimeoutError:
            raise InternalError(
                "A transaction of another process does not end.", action="Run this again; it goes on where it stopped."
            ) from None

    async def _seal_everything(self) -> int:
        async with self._transactions() as tx:
            columns = tx.sealed.columns()
        done = 0
        for column in columns:
            count = await self._seal_column(column)
            done += count
            if count:
                self._told(column, count)
        return done

    async def _seal_column(self, column: str) -> int:
        done, after = 0, None
        while True:
            async with self._transactions() as tx:
                page = await tx.sealed.page(column, header=self._vault.header, after=after, limit=_PAGE)
                for value in page:
                    done += await self._seal(tx, column, value)
            crash_point(CrashPoint.PAGE_SEALED)
            if not page:
                return done
            after = page[-1].place

    async def _seal(self, tx: UnitOfWork, column: str, value: SealedValue) -> bool:
        try:
            opened = self._vault.open(value.sealed, owner=value.owner, kind=value.kind)
        except InternalError as error:
            place = ", ".join(str(part) for part in value.place)
            raise InternalError(
                f"A value of {column} cannot be opened (row {place}); the old master key stays in use.",
                action="Replace or remove what this row belongs to, and run this again; it goes on where it stopped.",
            ) from error
        sealed = self._vault.seal(opened.reveal(), owner=value.owner, kind=value.kind)
        return await tx.sealed.replace(column, value, sealed)
