"""Placing jobs: the cascade, run for one job."""

from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.cascade import CascadeService
from sluicegate.services.task_kinds import ENGINE_PLACE, PLACE

__all__ = ["handlers"]


def handlers(cascade: CascadeService, *, engines: bool) -> dict[str, Handler]:
    """Every worker places; the last rung, our own engines, is left to the worker that holds them."""

    async def place(subject: str) -> float | None:
        return await cascade.place(UUID(subject), engines=engines)

    return {PLACE: place, ENGINE_PLACE: place} if engines else {PLACE: place}
