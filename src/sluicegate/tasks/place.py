"""Placing jobs: the cascade, run for one job; and looking after jobs that stand still and what was left behind."""

from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.cascade import CascadeService
from sluicegate.services.leftovers import LeftoverService
from sluicegate.services.recascade import RecascadeService
from sluicegate.services.task_kinds import ENGINE_INTRODUCE, ENGINE_PLACE, ENGINE_RECASCADE, PLACE, RECASCADE

__all__ = ["handlers"]


def handlers(
    cascade: CascadeService, recascade: RecascadeService, leftovers: LeftoverService, *, engines: bool
) -> dict[str, Handler]:
    """Every worker places; what concerns our own engines is left to the worker that holds them."""

    async def place(subject: str) -> float | None:
        return await cascade.place(UUID(subject), engines=engines)

    async def introduce(subject: str) -> None:
        await cascade.introduce(UUID(subject))

    def look(*, local: bool) -> Handler:
        async def run(subject: str) -> None:
            del subject
            await recascade.run(local=local)
            await leftovers.run(local=local)

        return run

    remote: dict[str, Handler] = {PLACE: place, RECASCADE: look(local=False)}
    own: dict[str, Handler] = {ENGINE_PLACE: place, ENGINE_RECASCADE: look(local=True), ENGINE_INTRODUCE: introduce}
    return remote | own if engines else remote
