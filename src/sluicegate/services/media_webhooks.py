"""Media events as webhooks: which message each of them becomes, and who hears it."""

from typing import Final

from sluicegate.core.media_batches import BatchCounts, MediaBatch
from sluicegate.core.media_events import ProgressStage
from sluicegate.core.media_jobs import MediaJob, MediaState
from sluicegate.core.ports import UnitOfWork
from sluicegate.core.webhooks import EventType
from sluicegate.services.webhook_outbox import WebhookOutbox
from sluicegate.services.webhook_payloads import batch_completed, job_ended, job_progress

__all__ = ["MediaWebhooks"]

_ENDS: Final = {
    MediaState.COMPLETED: EventType.JOB_COMPLETED,
    MediaState.FAILED: EventType.JOB_FAILED,
    MediaState.SKIPPED: EventType.JOB_SKIPPED,
    # The contract is silent here, so that its clients wait for ever: this is an addition.
    MediaState.WARNING: EventType.JOB_WARNING,
}


class MediaWebhooks:
    """Implements ``core.media_events.MediaEvents``."""

    def __init__(self, outbox: WebhookOutbox) -> None:
        self._outbox = outbox

    async def ended(self, tx: UnitOfWork, job: MediaJob) -> None:
        """See the port."""
        kind = _ENDS[job.state]
        await self._outbox.publish(
            tx, kind, user_id=job.user_id, job_id=job.id, body=job_ended(kind, job), url=job.options.webhook_url
        )

    async def progressed(self, tx: UnitOfWork, job: MediaJob, stage: ProgressStage) -> None:
        """See the port; the job's own receiver is told only if it asked for progress."""
        wanted = job.options.enable_progress_webhook
        await self._outbox.publish(
            tx,
            EventType.JOB_PROGRESS,
            user_id=job.user_id,
            job_id=job.id,
            body=job_progress(job.id, stage.value, stage.percent),
            url=job.options.webhook_url if wanted else None,
        )

    async def batch_ended(self, tx: UnitOfWork, batch: MediaBatch, counts: BatchCounts) -> None:
        """See the port; a batch's items have told of themselves already."""
        body = batch_completed(
            batch.id,
            show_url=batch.source_url or "",
            folder=batch.folder,
            completed=counts.completed,
            failed=counts.failed,
            total=batch.total,
        )
        await self._outbox.publish(
            tx,
            EventType.BATCH_COMPLETED,
            user_id=batch.user_id,
            job_id=batch.id,
            body=body,
            url=batch.webhook_url,
        )
