"""Usage over time for charts: every day and month of the span, those without any use as zeros."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.usage_history import DayOfJobs, DayOfMedia, MonthOfStreams

__all__ = ["DAYS_MAX", "MONTHS", "UsageHistoryService", "UsageOverTime"]

DAYS_MAX: Final = 90
MONTHS: Final = 12

_Row = TypeVar("_Row", DayOfJobs, DayOfMedia, MonthOfStreams)


@dataclass(frozen=True, slots=True)
class UsageOverTime:
    """One user's use, the oldest first; the last day and month are the present ones and not over."""

    jobs: Sequence[DayOfJobs]
    media: Sequence[DayOfMedia]
    streams: Sequence[MonthOfStreams]


class UsageHistoryService:
    """Reads a user's own figures."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def of(self, user_id: UUID, *, days: int) -> UsageOverTime:
        """The last ``days`` days, today included (1 to 90), and the last twelve months."""
        today = self._clock.now().astimezone(UTC).date()
        span = [today - timedelta(days=back) for back in reversed(range(max(1, min(days, DAYS_MAX))))]
        months = list(reversed(list(_months_to(today))))
        since = datetime(span[0].year, span[0].month, span[0].day, tzinfo=UTC)
        async with self._transactions() as tx:
            jobs = await tx.usage_history.jobs(user_id, since=since)
            media = await tx.usage_history.media(user_id, since=since)
            streams = await tx.usage_history.streams(user_id, since=months[0])
        return UsageOverTime(
            _whole(span, {row.day: row for row in jobs}, DayOfJobs),
            _whole(span, {row.day: row for row in media}, DayOfMedia),
            _whole(months, {row.month: row for row in streams}, MonthOfStreams),
        )


def _whole(span: Sequence[date], found: dict[date, _Row], empty: type[_Row]) -> list[_Row]:
    return [found[one] if one in found else empty(one) for one in span]


def _months_to(today: date) -> Iterable[date]:
    month = today.replace(day=1)
    for _ in range(MONTHS):
        yield month
        month = (month - timedelta(days=1)).replace(day=1)
