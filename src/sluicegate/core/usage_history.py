"""Usage over time, for charts: days and months of one user."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol
from uuid import UUID

__all__ = ["DayOfJobs", "DayOfMedia", "Figure", "MonthOfStreams", "UsageHistoryRepository"]


class Figure(StrEnum):
    """What is added up for each user and day; the words are those of the triggers that do it."""

    JOBS = "jobs"
    JOBS_READY = "jobs_ready"
    JOBS_FAILED = "jobs_failed"
    MEDIA_COMPLETED = "media_completed"
    MEDIA_FAILED = "media_failed"
    MEDIA_BYTES = "media_bytes"
    MEDIA_MS = "media_ms"


@dataclass(frozen=True, slots=True)
class DayOfJobs:
    """Library jobs that were handed in on one day (UTC), by what became of them; removing one changes nothing here."""

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
    """Sums of a user's own rows; days and months without any are left out."""

    async def days(self, user_id: UUID, *, since: date) -> Mapping[tuple[date, Figure], int]:
        """Library jobs by day of handing in, media jobs by day of ending; right to the last committed row."""
        ...

    async def streams(self, user_id: UUID, *, since: date) -> list[MonthOfStreams]:
        """By month, the oldest first."""
        ...

    async def add_up(self, *, limit: int) -> int:
        """Adds up to ``limit`` changes to the sums of their days, which stay the same for readers; how many it were."""
        ...

    async def forget(self, before: date) -> int:
        """Deletes the daily sums of older days, those of the gateway and of accounts' calls included."""
        ...
