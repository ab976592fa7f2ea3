"""Usage of the library: counters of a user by month (library sheet, section 10)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

__all__ = ["Counter", "LibraryUsage", "Period", "UsageRepository", "period_of"]


class Counter(StrEnum):
    """What is counted as it happens; jobs and items of feeds are counted from their own rows."""

    BYTES_STREAMED = "bytes_streamed"
    STREAM_URLS_MINTED = "stream_urls_minted"


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar month in UTC: from ``start`` (inclusive) to ``end`` (exclusive)."""

    start: datetime
    end: datetime

    @property
    def name(self) -> date:
        """Its first day, under which counters are kept."""
        return self.start.date()


def period_of(at: datetime) -> Period:
    """The month that holds this moment."""
    start = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return Period(start, end)


@dataclass(frozen=True, slots=True)
class LibraryUsage:
    """One user's figures of one period."""

    period: Period
    jobs_submitted: int
    jobs_ready: int
    bytes_streamed: int
    stream_urls_minted: int
    rss_items_grabbed: int


class UsageRepository(Protocol):
    """Counters."""

    async def add(self, user_id: UUID, period: Period, counter: Counter, amount: int) -> None:
        """Counts; a user who is gone is ignored."""
        ...

    async def of(self, user_id: UUID, period: Period) -> LibraryUsage:
        """The user's figures."""
        ...
