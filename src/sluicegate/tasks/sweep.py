"""The periodic look for unfinished jobs without a task."""

from sluicegate.core.tasks import Handler
from sluicegate.services.sweep import SweepService

__all__ = ["SWEEP", "handlers"]

SWEEP = "sweep"


def handlers(sweep: SweepService) -> dict[str, Handler]:
    """Runs every so often; the schedule is the wiring's."""

    async def run(subject: str) -> float | None:
        del subject
        await sweep.run()
        return None

    return {SWEEP: run}
