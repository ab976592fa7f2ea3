"""What happens to media jobs, told to whoever wants to know, in the transaction in which it happens."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sluicegate.core.media_batches import BatchCounts, MediaBatch
from sluicegate.core.media_jobs import MediaJob

if TYPE_CHECKING:
    from sluicegate.core.ports import UnitOfWork

__all__ = ["MediaEvents", "NoMediaEvents", "ProgressStage"]


class ProgressStage(StrEnum):
    """Stages of the contract's progress events (sheet, section 12.2)."""

    DOWNLOADING = "downloading"
    DOWNLOAD_COMPLETE = "download_complete"
    MUXING = "muxing"
    MUX_COMPLETE = "mux_complete"
    UPLOADING = "uploading"
    COMPLETED = "completed"

    @property
    def percent(self) -> int:
        """How far a job is at the beginning of this stage."""
        return {"downloading": 0, "download_complete": 33, "muxing": 33, "mux_complete": 66, "uploading": 66}.get(
            self.value, 100
        )


class MediaEvents(Protocol):
    """Hears of every event once for each commit: what is written through ``tx`` stands and falls with the event."""

    async def ended(self, tx: "UnitOfWork", job: MediaJob) -> None:
        """The job is over; ``job.state`` says how. Not called for a job that its user has cancelled."""
        ...

    async def progressed(self, tx: "UnitOfWork", job: MediaJob, stage: ProgressStage) -> None:
        """The job has reached a stage; its options say whether its own ``webhook_url`` is to hear of it."""
        ...

    async def batch_ended(self, tx: "UnitOfWork", batch: MediaBatch, counts: BatchCounts) -> None:
        """All jobs of the batch are over."""
        ...


@dataclass(frozen=True, slots=True)
class NoMediaEvents:
    """Tells nobody."""

    async def ended(self, tx: "UnitOfWork", job: MediaJob) -> None:
        """Nothing."""

    async def progressed(self, tx: "UnitOfWork", job: MediaJob, stage: ProgressStage) -> None:
        """Nothing."""

    async def batch_ended(self, tx: "UnitOfWork", batch: MediaBatch, counts: BatchCounts) -> None:
        """Nothing."""
