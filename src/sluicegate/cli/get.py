"""``sluicegate get SOURCE``: submit, watch, fetch."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, Json, UserName, load, owner, with_installation
from sluicegate.cli.deliver import deliver_all
from sluicegate.cli.get_media import get_media
from sluicegate.cli.output import fail, notes, print_json
from sluicegate.cli.progress import bar, watch_job
from sluicegate.cli.targets import target_for
from sluicegate.core.byte_source import ByteSource
from sluicegate.core.errors import InvalidInput, SizeMismatch
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.media_jobs import MediaJob, MediaState
from sluicegate.core.names import safe_segment
from sluicegate.core.source_reading import read_source, read_upload
from sluicegate.core.sources import Source

if TYPE_CHECKING:
    from sluicegate.settings import Settings
    from sluicegate.wiring.installation import Installation

__all__ = ["get"]

_UPLOAD_MAX = 64 << 20
_WITHOUT_FILE = {
    MediaState.FAILED: "the job has failed",
    MediaState.WARNING: "the media cannot be had",
    MediaState.SKIPPED: "there is nothing to fetch",
}


def get(
    source: Annotated[str, typer.Argument(help="A magnet, info hash, http(s) link, or a .torrent or .nzb file.")],
    to: Annotated[str, typer.Option("--to", help="Folder to put the files in, or s3://bucket/folder.")] = ".",
    media: Annotated[
        bool, typer.Option("--media", help="The link is a page: fetch the video or audio that it shows.")
    ] = False,
    user: UserName = "home",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Submits a source, shows its progress, and puts the finished files into a folder or a bucket of yours.

    Works beside a running server, which then does the fetching; without one, this command does it itself. A bucket
    must have been added with 'sluicegate targets add'; gs://, oss:// and blob:// work like s3://.
    """
    folder = Path(to).expanduser()
    if media:
        _get_media(source, folder, to, user, load(data_dir, database_url), json=json)
        return

    async def work(installation: "Installation") -> tuple[Job, list[Path] | list[str]]:
        wanted = await asyncio.to_thread(_read, source)
        person = await owner(installation, user)
        target = await target_for(installation, user, to) if "://" in to else None
        async with _worker_if_alone(installation):
            job, _ = await installation.submit.submit(person.id, wanted, patience=0)
            if not job.state.over:
                job = await watch_job(installation, person.id, job.id)
            if job.state is not JobState.READY:
                return job, []
            if target is not None:
                return job, await deliver_all(installation, person.id, job, *target)
            return job, await _fetch_all(installation, person.id, job, folder)

    job, paths = with_installation(load(data_dir, database_url), work)
    if json:
        print_json({"id": str(job.id), "state": job.state.value, "files": [str(path) for path in paths]})
    if job.state is not JobState.READY:
        fail(f"the job is {job.state}: {job.error or job.waiting}")
    if not json:
        for path in paths:
            typer.echo(path)
        if any(str(path).lower().endswith((".html", ".htm")) for path in paths):
            notes.print("this is the page itself; --media fetches what it shows")


def _get_media(source: str, folder: Path, to: str, user: str, settings: "Settings", *, json: bool) -> None:
    async def work(installation: "Installation") -> tuple[MediaJob, list[Path] | list[str]]:
        person = await owner(installation, user)
        target = await target_for(installation, user, to) if "://" in to else None
        async with _worker_if_alone(installation):
            return await get_media(installation, person.id, source, folder, target=target, copy=_fetch)

    job, files = with_installation(settings, work)
    if json:
        print_json({"id": str(job.id), "state": job.state.value, "files": [str(file) for file in files]})
    if not files:
        fail(f"{_WITHOUT_FILE.get(job.state, 'the job has no file')}: {job.error}")
    if not json:
        for file in files:
            typer.echo(file)


def _read(text: str) -> Source:
    """A file on disk when there is one with that name, else what ``read_source`` makes of it."""
    path = Path(text).expanduser()
    with contextlib.suppress(OSError):  # no name that a file can have
        if path.is_file():
            if path.stat().st_size > _UPLOAD_MAX:
                raise InvalidInput(f"{path.name} is larger than {_UPLOAD_MAX >> 20} MiB; it is no .torrent or .nzb.")
            return read_upload(path.name, path.read_bytes())
    return read_source(text)


@asynccontextmanager
async def _worker_if_alone(installation: "Installation") -> AsyncIterator[None]:
    from sluicegate.wiring.engines import engines_run_elsewhere
    from sluicegate.wiring.worker import running_worker

    if engines_run_elsewhere(installation.settings):
        yield
        return
    notes.print("no server is running for this folder; fetching here")
    async with running_worker(installation):
        yield


async def _fetch_all(installation: "Installation", user_id: UUID, job: Job, folder: Path) -> list[Path]:
    _, files = await installation.library.get(user_id, job.id)
    if len(files) == 1:
        paths = [folder / files[0].name]
    else:
        paths = [folder / safe_segment(job.name, fallback=str(job.id)) / file.path for file in files]
    with bar() as progress:
        task = progress.add_task("copying", total=sum(file.size for file in files if file.size > 0) or None)
        for file, path in zip(files, paths, strict=True):
            source = await installation.playback.open(user_id, "job", job.id, str(file.id))
            await _fetch(source, path, lambda size: progress.advance(task, size), size=file.size)
    return paths


async def _fetch(source: ByteSource, path: Path, advance: Callable[[int], None], *, size: int) -> None:
    """Writes under a temporary name, then renames: a file appears whole or not at all."""
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as sink:
            async for chunk in source.open(0, source.size):
                await asyncio.to_thread(sink.write, chunk)
                advance(len(chunk))
            received = sink.tell()
        if size >= 0 and received != size:
            raise SizeMismatch(f"{path.name} has {received} bytes instead of {size}; nothing was kept.")
        await asyncio.to_thread(os.replace, partial, path)
    finally:
        partial.unlink(missing_ok=True)
