"""What became of accounts' calls: counted in memory as they end, written every few seconds, read by day."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from sluicegate.core.account_calls import CallDay, CallOutcome, CallSum
from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.core.ports import Clock, UnitOfWorkFactory

__all__ = ["AccountCallService", "by_class", "by_day"]

_log: Final = logging.getLogger(__name__)
_FLUSH_SECONDS: Final = 5.0
_WAITING_MAX: Final = 50_000
_DAYS_MAX: Final = 366

_Key = tuple[UUID, date, str, CallOutcome]


class AccountCallService:
    """Counts and tells. A process that is killed loses what it counted in the last five seconds."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock
        self._waiting: Counter[_Key] = Counter()

    def note(self, account: str, calls: str, outcome: CallOutcome) -> None:
        """Counts one call; costs nothing.

        Args:
            account: the ledger's key; what is not the id of an account, such as a credential that a caller of the
                gateway brought along, is not counted.
            calls: class of the call.
            outcome: how it ended.
        """
        named = _id_in(account)
        if named is None:
            return
        key = (named, self._today(), calls, outcome)
        if len(self._waiting) < _WAITING_MAX or key in self._waiting:
            self._waiting[key] += 1

    async def flush(self) -> None:
        """Writes what waits; what cannot be written waits on. Raises InternalError."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, Counter()
        try:
            async with self._transactions() as tx:
                await tx.account_calls.add([CallSum(*key, count) for key, count in waiting.items()])
        except BaseException:  # counted with the next ones
            self._waiting.update(waiting)
            raise

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes now and then inside the block, and what is left when it ends."""
        flushing = asyncio.create_task(self._keep_flushing(), name="sums of accounts' calls")
        try:
            yield
        finally:
            flushing.cancel()
            await asyncio.wait({flushing})
            await self._try_to_flush()

    async def of_user(self, user_id: UUID, *, days: int) -> dict[UUID, list[CallDay]]:
        """The last ``days`` days, today included and the oldest first, of each account that was called in them."""
        span = self._span(days)
        await self._try_to_flush()
        async with self._transactions() as tx:
            found = await tx.account_calls.of_user(user_id, since=span[0])
        return {account: _whole(span, {day.day: day for day in days_of}) for account, days_of in found.items()}

    async def together(self, user_id: UUID, *, days: int) -> list[CallDay]:
        """The last ``days`` days, today included and the oldest first, of all of a user's accounts."""
        span = self._span(days)
        await self._try_to_flush()
        async with self._transactions() as tx:
            found = await tx.account_calls.together(user_id, since=span[0])
        return _whole(span, {day.day: day for day in found})

    async def of_account(self, user_id: UUID, account_id: UUID, *, days: int) -> tuple[list[CallDay], list[CallSum]]:
        """The days of one account as in ``of_user``, and what they are made of. Raises NotFound for a foreign one."""
        span = self._span(days)
        await self._try_to_flush()
        async with self._transactions() as tx:
            if (await tx.accounts.get(account_id)).user_id != user_id:
                raise NotFound("There is no such account.")
            sums = await tx.account_calls.of_account(account_id, since=span[0])
        return by_day(span, sums), sums

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self._try_to_flush()

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except SluicegateError as error:
            _log.warning("sums of accounts' calls were not written and wait: %s", error.code)

    def _span(self, days: int) -> list[date]:
        today = self._today()
        return [today - timedelta(days=back) for back in reversed(range(max(1, min(days, _DAYS_MAX))))]

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()


@lru_cache(4096)
def _id_in(account: str) -> UUID | None:
    try:
        return UUID(account)
    except ValueError:
        return None


def by_day(span: Sequence[date], sums: Iterable[CallSum]) -> list[CallDay]:
    """What became of the calls on each day of ``span``."""
    found: Counter[tuple[date, CallOutcome]] = Counter()
    for one in sums:
        found[one.day, one.outcome] += one.count
    return [_day(day, found) for day in span]


def by_class(sums: Iterable[CallSum]) -> dict[str, Counter[CallOutcome]]:
    """What became of the calls of each class, the busiest class first."""
    found: defaultdict[str, Counter[CallOutcome]] = defaultdict(Counter)
    for one in sums:
        found[one.calls][one.outcome] += one.count
    return dict(sorted(found.items(), key=lambda item: (-item[1].total(), item[0])))


def _day(day: date, found: Mapping[tuple[date, CallOutcome], int]) -> CallDay:
    return CallDay(day, **{str(outcome): found.get((day, outcome), 0) for outcome in CallOutcome})


def _whole(span: Sequence[date], found: Mapping[date, CallDay]) -> list[CallDay]:
    return [found[day] if day in found else CallDay(day) for day in span]
