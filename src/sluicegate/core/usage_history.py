"""Usage over time, for charts: days and months of one user."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

__all__ = ["DayOfJobs", "DayOfMedia", "MonthOfStreams", "UsageHistoryRepository"]


@dataclass(frozen=True, slots=True)
class DayOfJobs:
    """Library jobs that were handed in on one day (UTC) and are in the library still, by what became of them."""

    day: date
    submitted: int = 0
    ready: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class DayOfMedia:
    """Media jobs that ended on one day (UTC).

    Attributes:
        failed: those without a file.
        stored_bytes: size of the files.
        seconds: from the start of each job to its end, added up.
    """

    day: date
    completed: int = 0
    failed: int = 0
    stored_bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class MonthOfStreams:
    """What was played in one month (UTC), which is named by its first day."""

    month: date
    bytes_streamed: int = 0
    stream_urls_minted: int = 0


class UsageHistoryRepository(Protocol):
    """Sums of a user's own rows; days and months without any are left out, the oldest comes first."""

    async def jobs(self, user_id: UUID, *, since: datetime) -> list[DayOfJobs]:
        """By day of handing in."""
        ...

    async def media(self, user_id: UUID, *, since: datetime) -> list[DayOfMedia]:
        """By day of ending."""
        ...

    async def streams(self, user_id: UUID, *, since: date) -> list[MonthOfStreams]:
        """By month."""
        ...
