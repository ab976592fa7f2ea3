"""The periodic look at the operator's blocklist, and at the jobs that it names."""

from sluicegate.core.tasks import Handler
from sluicegate.services.blocked_jobs import BlockedJobs
from sluicegate.services.blocklist import BlocklistService

__all__ = ["BLOCKLIST", "handlers"]

BLOCKLIST = "blocklist"


def handlers(blocklist: BlocklistService, jobs: BlockedJobs) -> dict[str, Handler]:
    """Runs every so often; the schedule is the wiring's."""

    async def run(subject: str) -> float | None:
        del subject
        if blocklist.source:
            await blocklist.refresh()
            await jobs.sweep()
        return None

    return {BLOCKLIST: run}
