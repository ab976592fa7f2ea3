"""Usage of the library: counted in memory as it happens, written every few seconds, read by month."""

import asyncio
import logging
from collections import Counter as Sums
from typing import Final
from uuid import UUID

from sluicegate.core.errors import SluicegateError
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.usage import Counter, LibraryUsage, period_of

__all__ = ["UsageService"]

_log: Final = logging.getLogger(__name__)
_FLUSH_SECONDS: Final = 2.0
_WAITING_MAX: Final = 50_000


class UsageService:
    """Counts and tells. A process that is killed loses what it counted in the last two seconds."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock
        self._waiting: Sums[tuple[UUID, Counter]] = Sums()

    def count(self, user_id: UUID, counter: Counter, amount: int = 1) -> None:
        """Counts; costs nothing. Beyond a bound on different users that wait to be written, nothing is counted."""
        if amount > 0 and (len(self._waiting) < _WAITING_MAX or (user_id, counter) in self._waiting):
            self._waiting[user_id, counter] += amount

    async def of(self, user_id: UUID) -> LibraryUsage:
        """The user's figures of the current period."""
        period = period_of(self._clock.now())
        await self.flush()
        async with self._transactions() as tx:
            return await tx.library_usage.of(user_id, period)

    async def flush(self) -> None:
        """Writes what waits; what cannot be written waits on."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, Sums()
        period = period_of(self._clock.now())
        try:
            async with self._transactions() as tx:
                for (user_id, counter), amount in sorted(waiting.items()):
                    await tx.library_usage.add(user_id, period, counter, amount)
        except SluicegateError:
            self._waiting += waiting
            raise

    async def keep_flushing(self) -> None:
        """Flushes until it is cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
            except SluicegateError as error:
                _log.warning("usage was not written and waits: %s", error.code)
