"""Delivering library files to users' buckets, and looking after what uploads leave behind."""

from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.destinations import DestinationService
from sluicegate.services.store import StoreService
from sluicegate.services.task_kinds import DELIVER, DELIVER_SWEEP

__all__ = ["handlers"]


def handlers(store: StoreService, destinations: DestinationService) -> dict[str, Handler]:
    """Any worker runs these."""

    async def deliver(subject: str) -> float | None:
        return await store.run(UUID(subject))

    async def sweep(subject: str) -> float | None:
        del subject
        await store.sweep()
        await destinations.drop_orphans()
        return None

    return {DELIVER: deliver, DELIVER_SWEEP: sweep}
