"""``sluicegate get --media``: the video or audio that a page shows, with its bytes as they come."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from sluicegate.cli.progress import bar
from sluicegate.core.destinations import storage_name
from sluicegate.core.media_jobs import MediaJob, MediaOptions
from sluicegate.core.media_targets import LOCAL_STORAGE
from sluicegate.core.web_links import parse_link

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.core.byte_source import ByteSource
    from sluicegate.core.destinations import Destination
    from sluicegate.wiring.installation import Installation

    Target = tuple[Destination, str | None]

    class Copy(Protocol):
        """Writes a file whole or not at all."""

        async def __call__(
            self, source: ByteSource, path: Path, advance: Callable[[int], None], *, size: int
        ) -> None: ...


__all__ = ["get_media"]

_LOOK_EVERY = 1.0
_PRIORITY = 9


async def get_media(
    installation: "Installation", user_id: UUID, url: str, folder: Path, *, target: "Target | None", copy: "Copy"
) -> tuple[MediaJob, list[Path] | list[str]]:
    """Makes a media job, shows its progress, and fetches the file, unless a bucket keeps it.

    Returns:
        The job as it ended, and where its file is; nothing when it has none.
    """
    bucket, inner = target or (None, None)
    storage = None if bucket is None else storage_name(bucket.id)
    options = MediaOptions(folder=inner or None)
    made = await installation.media.jobs.create(
        user_id, parse_link(url), options, storage=storage or LOCAL_STORAGE, priority=_PRIORITY
    )
    job = await _watched(installation, user_id, made.id)
    if job.stored_key is None:
        return job, []
    if storage is not None:
        return job, [job.stored_key]
    path = folder / job.stored_key.rpartition("/")[2]
    with bar() as progress:
        task = progress.add_task("copying", total=job.result.file_size)
        source = await installation.playback.open(user_id, "media", job.id, "media")
        await copy(source, path, lambda size: progress.advance(task, size), size=job.result.file_size or -1)
    return job, [path]


async def _watched(installation: "Installation", user_id: UUID, job_id: UUID) -> MediaJob:
    with bar() as progress:
        task = progress.add_task("waiting", total=None)
        async with installation.changes.follow(user_id) as changes:
            while True:
                job = await installation.media.jobs.get(user_id, job_id)
                text = job.waiting or f"{job.step.value.lower()} {job.result.title or ''}".strip()
                progress.update(task, description=text[:70], total=job.bytes_total, completed=job.bytes_done)
                if job.state.over:
                    return job
                try:
                    async with asyncio.timeout(_LOOK_EVERY):
                        await anext(changes)
                except TimeoutError:
                    continue
