"""Keeping jobs in step with their transfers, one account at a time."""

from sluicegate.core.tasks import Handler
from sluicegate.services.sync import SyncService
from sluicegate.services.task_kinds import ENGINE_SYNC, SYNC, parse_account_subject

__all__ = ["handlers"]


def handlers(sync: SyncService, *, engines: bool) -> dict[str, Handler]:
    """Every worker asks remote accounts; local transfers are read where the engines are."""

    async def run(subject: str) -> float | None:
        return await sync.run(*parse_account_subject(subject))

    return {SYNC: run, ENGINE_SYNC: run} if engines else {SYNC: run}
