"""The live bar: bytes, rate and time left of one job."""

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sluicegate.cli.output import notes
from sluicegate.core.jobs import Job

if TYPE_CHECKING:
    from rich.progress import Progress

    from sluicegate.wiring.installation import Installation

__all__ = ["bar", "watch_job"]

_LOOK_EVERY: Final = 2.0
"""Seconds after which the job is read even if no change was announced."""


def bar() -> "Progress":
    """A bar on stderr that goes away when it is done."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=notes.console,
        transient=True,
    )


async def watch_job(installation: "Installation", user_id: UUID, job_id: UUID) -> Job:
    """Shows the bar until the job is over; returns it as it ended.

    Raises:
        NotFound: unknown or foreign job.
    """
    with bar() as progress:
        task = progress.add_task("waiting", total=None)
        async with installation.changes.follow(user_id) as changes:
            while True:
                job, _ = await installation.library.get(user_id, job_id)
                done = int((job.size or 0) * job.progress)
                text = job.waiting or f"{job.state} {job.name}"
                progress.update(task, description=text[:70], total=job.size, completed=done)
                if job.state.over:
                    return job
                try:
                    async with asyncio.timeout(_LOOK_EVERY):
                        await anext(changes)
                except TimeoutError:
                    continue
