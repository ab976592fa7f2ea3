"""Rows of media jobs."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sluicegate.core.media_jobs import MediaJob, MediaNews, MediaState
from sluicegate.core.places import ListPlace

__all__ = ["MediaJobRepository"]


class MediaJobRepository(Protocol):
    """Media jobs."""

    async def add(self, job: MediaJob) -> None:
        """Adds a job."""
        ...

    async def add_all(self, jobs: Sequence[MediaJob]) -> None:
        """Adds many jobs of one user at once."""
        ...

    async def get(self, job_id: UUID, *, user_id: UUID | None = None, lock: bool = False) -> MediaJob:
        """Raises NotFound, also for a foreign job."""
        ...

    async def page(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int,
        state: MediaState | None = None,
        place: ListPlace | None = None,
    ) -> list[MediaJob]:
        """Newest first, from ``place`` on when there is one."""
        ...

    async def count(self, user_id: UUID, *, state: MediaState | None = None) -> int:
        """How many there are."""
        ...

    async def update(self, job: MediaJob) -> MediaJob:
        """As ``JobRepository.update``; AlreadyExists when another job's file is stored under the same key."""
        ...

    async def advance(self, news: Sequence[MediaNews]) -> set[UUID]:
        """Writes progress of jobs that are still in these steps; which, as those being changed now are left out."""
        ...

    async def of_batch(self, batch_id: UUID, *, limit: int, offset: int) -> list[MediaJob]:
        """The jobs of a batch in its own order."""
        ...

    async def unfinished(self, *, limit: int, after: UUID | None = None, admitted: bool = False) -> list[MediaJob]:
        """Pending and processing ones in id order, for the sweep; or only those that hold a place at work."""
        ...
