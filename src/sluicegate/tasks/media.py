"""Running media jobs."""

from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.media_run import MediaRunService
from sluicegate.services.task_kinds import MEDIA

__all__ = ["handlers"]


def handlers(media: MediaRunService) -> dict[str, Handler]:
    """Any worker with the data folder runs these."""

    async def run(subject: str) -> float | None:
        return await media.run(UUID(subject))

    return {MEDIA: run}
