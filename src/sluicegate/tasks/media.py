"""Running media jobs."""

from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.media_queue import MediaQueueService
from sluicegate.services.media_run import MediaRunService
from sluicegate.services.task_kinds import MEDIA, MEDIA_ADMIT

__all__ = ["handlers"]


def handlers(media: MediaRunService, queue: MediaQueueService) -> dict[str, Handler]:
    """Any worker with the data folder runs these."""

    async def run(subject: str) -> float | None:
        await media.run(UUID(subject))
        return None

    async def admit(subject: str) -> float | None:
        del subject
        await queue.admit()
        return None

    return {MEDIA: run, MEDIA_ADMIT: admit}
