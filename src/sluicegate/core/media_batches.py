"""Batches: the jobs of a collection, or of one request, seen as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

__all__ = ["BatchCounts", "BatchState", "MediaBatch", "MediaBatchRepository"]


class BatchState(StrEnum):
    """States of the media jobs contract (its sheet, section 3), spelled as on the wire."""

    PAUSED = "paused"
    PROCESSING = "processing"
    COMPLETED = "completed"
    """Every job is done and none failed."""
    FINISHED = "finished"
    """Every job is done, at least one without a file."""

    @property
    def over(self) -> bool:
        """True for the two states that nothing leaves."""
        return self in {BatchState.COMPLETED, BatchState.FINISHED}


@dataclass(frozen=True, slots=True)
class MediaBatch:
    """A batch of one user.

    Attributes:
        source_url: of the collection; None for a list that the caller sent.
        total: how many jobs it has.
        webhook_url: who is told when all of them are over.
    """

    id: UUID
    user_id: UUID
    state: BatchState
    total: int
    created_at: datetime
    source_url: str | None = field(default=None, repr=False)
    folder: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How many jobs of a batch are over: with a file, and without one for whatever reason."""

    completed: int = 0
    failed: int = 0


class MediaBatchRepository(Protocol):
    """Batches."""

    async def add(self, batch: MediaBatch) -> None:
        """Keeps a batch; its jobs are added by themselves."""
        ...

    async def get(self, batch_id: UUID, *, user_id: UUID | None = None, lock: bool = False) -> MediaBatch:
        """Raises NotFound, also for a foreign one."""
        ...

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[MediaBatch]:
        """Newest first."""
        ...

    async def put(self, batch: MediaBatch) -> None:
        """Writes its state and when it was finished."""
        ...

    async def counts(self, batch_ids: Sequence[UUID]) -> dict[UUID, BatchCounts]:
        """Of each batch; one without finished jobs may be missing."""
        ...

    async def unfinished(self, batch_id: UUID) -> bool:
        """Whether one of its jobs is not over."""
        ...

    async def job_ids(self, batch_id: UUID) -> list[UUID]:
        """All of its jobs in order."""
        ...

    async def rename(self, batch_id: UUID, job_id: UUID, filename: str) -> bool:
        """Gives the file of a job that has not begun another name; False when it is no such job of this batch."""
        ...

    async def release(self, batch_id: UUID, at: datetime) -> int:
        """Puts the waiting jobs of a batch into the queue; how many."""
        ...
