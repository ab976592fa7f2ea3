"""Erasing what was removed, once it cannot be brought back any more."""

from sluicegate.core.tasks import Handler
from sluicegate.services.task_kinds import ERASE
from sluicegate.services.tombstones import TombstoneService

__all__ = ["ERASE", "handlers"]


def handlers(tombstones: TombstoneService) -> dict[str, Handler]:
    """Runs every so often; the schedule is the wiring's."""

    async def run(subject: str) -> float | None:
        del subject
        await tombstones.erase_due()
        return None

    return {ERASE: run}
