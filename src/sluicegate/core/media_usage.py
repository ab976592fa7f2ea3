"""What media jobs have used up, and the figures of the dashboard."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sluicegate.core.media_jobs import MediaState

__all__ = ["GIB", "DayFigures", "MediaFigures", "MediaUsage", "MediaUsageRepository"]

GIB = 1 << 30
"""Bytes of what the contract calls a gigabyte (sheet, section 10)."""


@dataclass(frozen=True, slots=True)
class MediaUsage:
    """One user's counters.

    Attributes:
        jobs_created: ever; retries and items of batches count.
        stored_bytes: uploaded ever; deleting files does not lower it.
        reserved_bytes: held by jobs at work.
    """

    jobs_created: int = 0
    stored_bytes: int = 0
    reserved_bytes: int = 0

    @property
    def effective_bytes(self) -> int:
        """What the quota is compared with."""
        return self.stored_bytes + self.reserved_bytes


@dataclass(frozen=True, slots=True)
class MediaFigures:
    """One user's dashboard.

    Attributes:
        by_state: how many jobs there are in each state.
        mean_seconds: from the start to the end of the jobs completed since ``day_ago``, None without any.
        bytes_today: stored since midnight UTC.
    """

    by_state: dict[MediaState, int]
    mean_seconds: float | None
    bytes_today: int


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Jobs that ended on one day (UTC); ``failed`` are those without a file."""

    day: date
    completed: int = 0
    failed: int = 0


class MediaUsageRepository(Protocol):
    """Counters of media jobs."""

    async def get(self, user_id: UUID, *, lock: bool = False) -> MediaUsage:
        """The user's counters; ``lock`` keeps others from reserving until the end of the unit of work."""
        ...

    async def count(self, user_id: UUID, *, jobs: int = 0, stored: int = 0) -> None:
        """Adds to the counters."""
        ...

    async def figures(self, user_id: UUID, *, midnight: datetime, day_ago: datetime) -> MediaFigures:
        """For the dashboard."""
        ...

    async def days(self, user_id: UUID, *, since: datetime) -> list[DayFigures]:
        """Days with ended jobs, oldest first."""
        ...
