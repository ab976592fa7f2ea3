"""Delivering a job's files to a bucket from the command line, with a progress bar."""

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from sluicegate.cli.progress import bar
from sluicegate.core.destinations import Destination, StoreJob, StoreState
from sluicegate.core.errors import StorageError
from sluicegate.core.jobs import Job

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["deliver_all"]

_LOOK_SECONDS = 0.25


async def deliver_all(
    installation: "Installation", user_id: UUID, job: Job, target: Destination, folder: str | None
) -> list[str]:
    """Asks for the delivery of every file and waits until all are over.

    Returns:
        Where the objects are, as ``cloud://bucket/key``.

    Raises:
        StorageError: one could not be delivered; the others are.
    """
    _, files = await installation.library.get(user_id, job.id)
    wanted = [await installation.store.request(user_id, job.id, file.id, target, folder=folder) for file in files]
    with bar() as progress:
        task = progress.add_task("delivering", total=sum(file.size for file in files if file.size > 0) or None)
        while True:
            found = [await installation.store.get(user_id, one.id) for one in wanted]
            progress.update(task, completed=sum(one.sent for one in found))
            if all(one.state.over for one in found):
                break
            await asyncio.sleep(_LOOK_SECONDS)
    _check(found)
    return [f"{target.place.cloud}://{target.place.bucket}/{one.key}" for one in found]


def _check(found: list[StoreJob]) -> None:
    for one in found:
        if one.state is StoreState.FAILED:
            raise StorageError(f"{one.key} was not delivered: {one.error}", action="")
