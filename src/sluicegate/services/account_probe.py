"""Asking all of a user's accounts at once whether they have a hash, with one deadline."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import SluicegateError
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWorkFactory
from sluicegate.core.provider import Capability
from sluicegate.core.sources import Magnet, Source, TorrentFile

__all__ = ["AccountProbe"]

_DEADLINE: Final = 5.0
_REMEMBERED_SECONDS: Final = 120.0
"""A waiting job tries again and again; what was told a moment ago need not be asked again."""
_REMEMBERED_MAX: Final = 10_000


class AccountProbe:
    """Three-valued availability over accounts; a fault or a slow provider is "unknown", never "no"."""

    def __init__(self, transactions: UnitOfWorkFactory, providers: Providers, clock: Clock | None = None) -> None:
        self._transactions = transactions
        self._providers = providers
        self._clock = clock or SystemClock()
        self._told: OrderedDict[tuple[UUID, str], tuple[float, bool]] = OrderedDict()

    async def cached(self, accounts: Sequence[Account], source: Source) -> dict[UUID, bool | None]:
        """For each account that can tell: True, False, or None when it did not answer in time."""
        if not isinstance(source, Magnet | TorrentFile):
            return {}
        asked = [
            account
            for account in accounts
            if account.state in {AccountState.OK, AccountState.UNTESTED}
            and self._providers.kind(account.provider).can(Capability.AVAILABILITY)
        ]
        answers = await asyncio.gather(*(self._ask(account, source.info_hash) for account in asked))
        return dict(zip((account.id for account in asked), answers, strict=True))

    async def _ask(self, account: Account, info_hash: str) -> bool | None:
        told = self._told.get((account.id, info_hash))
        if told is not None and told[0] > self._clock.monotonic():
            return told[1]
        try:
            async with asyncio.timeout(_DEADLINE):
                async with self._transactions() as tx:
                    credential = await tx.accounts.credential(account.id)
                async with self._providers.open(account.provider, credential, priority=Priority.BACKGROUND) as provider:
                    (answer,) = await provider.availability([info_hash])
                    return self._remember(account.id, info_hash, answer.cached)
        except (SluicegateError, TimeoutError):
            return None

    def _remember(self, account_id: UUID, info_hash: str, cached: bool | None) -> bool | None:  # noqa: FBT001 - a value
        if cached is not None:
            self._told[account_id, info_hash] = (self._clock.monotonic() + _REMEMBERED_SECONDS, cached)
            self._told.move_to_end((account_id, info_hash))
            if len(self._told) > _REMEMBERED_MAX:
                self._told.popitem(last=False)
        return cached
