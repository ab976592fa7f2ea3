"""Requests with an ``Idempotency-Key``: one takes effect, the others get its answer, in whichever process they come.

Whoever runs a request holds its row for a quarter of a minute at a time. A process that dies lets go of it: the next
try of the same request runs it again, unless something had been written on its behalf and running it again could do
that twice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.errors import AlreadyExists, Conflict, InvalidInput, SluicegateError
from sluicegate.core.ports import Clock, UnitOfWorkFactory, Vault
from sluicegate.core.repeats import CURRENT_ATTEMPT, Attempt, KeptAnswer

__all__ = ["REPEAT_HOURS", "DifferentRequest", "Owner", "RepeatService", "StillRunning"]

REPEAT_HOURS: Final = 24
"""How long a key is remembered."""

_HOLD: Final = timedelta(seconds=15)
_HOLD_EVERY: Final = 5.0
_KEY_MAX: Final = 255
_PAUSE: Final = 0.1
_SEALED_AS: Final = "repeated_answer"


class DifferentRequest(InvalidInput):
    """This Idempotency-Key was sent with another request before."""

    code = "different_request"
    action = "Send each request with a key of its own, and repeat it unchanged."


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "still_running"
    action = "Send it again in a moment."


@dataclass(frozen=True, slots=True)
class Owner:
    """Who sent a request: a user, or a caller without one, by a fingerprint."""

    name: str
    user_id: UUID | None = None


class RepeatService:
    """Decides about requests with a key.

    Args:
        transactions: the database.
        vault: seals answers, which may hold secrets.
        clock: time.
        patience: seconds a request waits for another with the same key before it is told to come back.
    """

    def __init__(self, transactions: UnitOfWorkFactory, vault: Vault, clock: Clock, *, patience: float = 10.0) -> None:
        self._transactions = transactions
        self._vault = vault
        self._clock = clock
        self._patience = patience

    async def begin(
        self, owner: Owner, key: str, route: str, request: str, *, repeatable: bool
    ) -> tuple[Attempt, tuple[int, str] | None]:
        """Lets a request run, or answers it.

        Args:
            owner: who sent it.
            key: the header's value.
            route: method and path.
            request: a digest of everything that makes it this request.
            repeatable: running it twice does no more than running it once.

        Returns:
            The attempt to run, with None; or the attempt that ran, with its status and kept answer.

        Raises:
            InvalidInput: the key is empty, too long or no plain text.
            DifferentRequest: the key came with another request before.
            StillRunning: the first one still runs. Conflict: it was cut off after it had begun to take effect.
        """
        if not 0 < len(key) <= _KEY_MAX or not key.isascii() or not key.isprintable():
            raise InvalidInput(f"An Idempotency-Key has 1 to {_KEY_MAX} printable ASCII characters.")
        now = self._clock.now()
        mine = Attempt(
            uuid4(), owner.name, key, route, self._vault.fingerprint(request), now, now + _HOLD, owner.user_id
        )
        async with self._transactions() as tx:
            attempt, first = await tx.repeats.begin(mine)
        if first:
            return attempt, None
        if attempt.fingerprint != mine.fingerprint:
            raise DifferentRequest
        return await self._follow(attempt, mine, repeatable=repeatable)

    async def keep(self, attempt: Attempt, status: int, content: str) -> None:
        """Keeps the answer, to be given to whoever sends the request again."""
        sealed = self._vault.seal(content, owner=str(attempt.id), kind=_SEALED_AS)
        async with self._transactions() as tx:
            await tx.repeats.answer(attempt.id, KeptAnswer(status, sealed))

    async def forget(self, attempt: Attempt) -> None:
        """The request failed for a passing reason: sent again, it runs again."""
        async with self._transactions() as tx:
            await tx.repeats.forget(attempt.id)

    async def forget_old(self) -> int:
        """Deletes what is older than a day; returns how many."""
        async with self._transactions() as tx:
            return await tx.repeats.forget_before(self._clock.now() - timedelta(hours=REPEAT_HOURS))

    @asynccontextmanager
    async def holding(self, attempt: Attempt) -> AsyncIterator[None]:
        """Runs the block as this attempt, and says so again and again."""
        token = CURRENT_ATTEMPT.set(attempt.id)
        try:
            holder = asyncio.create_task(self._hold(attempt.id), name="repeated request")
            try:
                yield
            finally:
                holder.cancel()
                await asyncio.wait({holder})
        finally:
            CURRENT_ATTEMPT.reset(token)

    async def _follow(
        self, attempt: Attempt, mine: Attempt, *, repeatable: bool
    ) -> tuple[Attempt, tuple[int, str] | None]:
        """Waits for the answer of the first one, or takes its place when its process is gone."""
        until = self._clock.monotonic() + self._patience
        while attempt.answer is None:
            now = self._clock.now()
            if attempt.held_until < now and await self._take_over(attempt, repeatable=repeatable):
                return attempt, None
            if self._clock.monotonic() >= until:
                raise StillRunning(retry_after=1.0)
            await asyncio.sleep(_PAUSE)
            async with self._transactions() as tx:
                found = await tx.repeats.find(attempt.id)
                if found is None:  # the first one failed for a passing reason
                    found, first = await tx.repeats.begin(replace(mine, held_until=now + _HOLD))
                    if first:
                        return found, None
            if found.fingerprint != mine.fingerprint:
                raise DifferentRequest
            attempt = found
        opened = self._vault.open(attempt.answer.sealed, owner=str(attempt.id), kind=_SEALED_AS)
        return attempt, (attempt.answer.status, opened.reveal())

    async def _take_over(self, attempt: Attempt, *, repeatable: bool) -> bool:
        if attempt.effective and not repeatable:
            raise AlreadyExists(
                "The first try of this request was cut off after it had begun to take effect.",
                action="Look whether it did what you want; if not, send it with another Idempotency-Key.",
            )
        now = self._clock.now()
        async with self._transactions() as tx:
            return await tx.repeats.take_over(attempt.id, now=now, until=now + _HOLD)

    async def _hold(self, attempt_id: UUID) -> None:
        CURRENT_ATTEMPT.set(None)  # holding on is no effect of the request
        while True:
            await asyncio.sleep(_HOLD_EVERY)
            with suppress(SluicegateError):  # the next round comes before it runs out
                async with self._transactions() as tx:
                    await tx.repeats.hold(attempt_id, self._clock.now() + _HOLD)
