"""Usage over time for charts: every day and month of the span, those without any use as zeros."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.errors import SluicegateError
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.usage_history import DayOfJobs, DayOfMedia, Figure, MonthOfStreams

__all__ = ["DAYS_MAX", "MONTHS", "UsageHistoryService", "UsageOverTime"]

_log: Final = logging.getLogger(__name__)

DAYS_MAX: Final = 90
MONTHS: Final = 12
_ADD_UP: Final = 20_000
"""Changes that one transaction adds up."""
_ROUNDS_MAX: Final = 100
_TIDY_SECONDS: Final = 30.0
_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class UsageOverTime:
    """One user's use, the oldest first; the last day and month are the present ones and not over."""

    jobs: Sequence[DayOfJobs]
    media: Sequence[DayOfMedia]
    streams: Sequence[MonthOfStreams]


class UsageHistoryService:
    """Reads a user's own figures, and keeps the sums they are read from small.

    Args:
        transactions: opens units of work.
        clock: says which day it is.
        keep: for how long daily sums are kept.
    """

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock, *, keep: timedelta = timedelta(days=400)) -> None:
        self._transactions = transactions
        self._clock = clock
        self._keep = keep
        self._forgot: date | None = None

    async def of(self, user_id: UUID, *, days: int) -> UsageOverTime:
        """The last ``days`` days, today included (1 to 90), and the last twelve months."""
        today = self._today()
        span = [today - timedelta(days=back) for back in reversed(range(max(1, min(days, DAYS_MAX))))]
        months = list(reversed(list(_months_to(today))))
        async with self._transactions() as tx:
            found = await tx.usage_history.days(user_id, since=span[0])
            streams = {row.month: row for row in await tx.usage_history.streams(user_id, since=months[0])}
        return UsageOverTime(
            [_jobs(day, found) for day in span],
            [_media(day, found) for day in span],
            [streams.get(month, MonthOfStreams(month)) for month in months],
        )

    async def tidy(self) -> None:
        """Adds up what has changed, and once a day forgets the sums of days long over."""
        for _ in range(_ROUNDS_MAX):
            async with self._transactions() as tx:
                if await tx.usage_history.add_up(limit=_ADD_UP) < _ADD_UP:
                    break
        if self._forgot != (today := self._today()):
            async with self._transactions() as tx:
                await tx.usage_history.forget(today - self._keep)
            self._forgot = today

    async def keep_tidy(self) -> None:
        """Tidies now and then until it is cancelled."""
        while True:
            try:
                await self.tidy()
            except SluicegateError as error:
                _log.warning("daily sums were not added up and wait: %s", error.code)
            await asyncio.sleep(_TIDY_SECONDS)

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()


def _jobs(day: date, found: Mapping[tuple[date, Figure], int]) -> DayOfJobs:
    figures = (Figure.JOBS, Figure.JOBS_READY, Figure.JOBS_FAILED)
    return DayOfJobs(day, *(found.get((day, figure), 0) for figure in figures))


def _media(day: date, found: Mapping[tuple[date, Figure], int]) -> DayOfMedia:
    return DayOfMedia(
        day,
        completed=found.get((day, Figure.MEDIA_COMPLETED), 0),
        failed=found.get((day, Figure.MEDIA_FAILED), 0),
        stored_bytes=found.get((day, Figure.MEDIA_BYTES), 0),
        seconds=found.get((day, Figure.MEDIA_MS), 0) / _MS,
    )


def _months_to(today: date) -> Iterable[date]:
    month = today.replace(day=1)
    for _ in range(MONTHS):
        yield month
        month = (month - timedelta(days=1)).replace(day=1)
