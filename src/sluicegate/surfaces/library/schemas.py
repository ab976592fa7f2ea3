"""Wire shapes of the library API (its fact sheet, section 5). Fields beyond the contract are named as ours."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job
from sluicegate.services.playback import StreamAnswer

__all__ = [
    "ErrorBody",
    "FileBody",
    "JobBody",
    "JobDetailBody",
    "JobPageBody",
    "StreamBody",
    "SubmitBody",
    "file_body",
    "job_body",
    "job_detail_body",
    "stream_body",
]

_CACHE_WORDS: Final = frozenset({"premiumize", "torrin", "torbox", "realdebrid", "alldebrid", "rss"})
"""What the contract lets ``cached_in_store`` say, feeds included; any other hit is null there."""


class ErrorBody(msgspec.Struct):
    """Every answer that is not a success."""

    error: str


class SubmitBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/torrents``: exactly one of the two.

    Attributes:
        magnet: a magnet link; a bare info hash is taken too.
        url: an http(s) link.
    """

    magnet: str | None = None
    url: str | None = None


class JobBody(msgspec.Struct, kw_only=True):
    """A job; from ``name`` on the fields are ours.

    Attributes:
        progress_pct: 0 to 100.
        external_id: the provider's id of the transfer, empty while there is none.
        external_source: house name of that provider, empty while there is none.
        error: why it failed and what to do, null unless it failed.
        waiting: what an unfinished job waits for, null when it moves.
        speed: bytes per second, null when nothing moves.
        eta: seconds left at this speed, null when unknown.
        missing_since: since when the provider does not list the transfer; null while it does.
        missing: what that means and what happens next, null likewise.
    """

    id: str
    info_hash: str
    status: str
    cached_in_store: str | None
    external_id: str
    external_source: str
    progress_pct: float
    created_at: str
    name: str
    size_bytes: int | None
    error: str | None
    error_code: str | None
    waiting: str | None
    speed: int | None
    eta: int | None
    updated_at: str
    missing_since: str | None
    missing: str | None


class FileBody(msgspec.Struct, kw_only=True):
    """A file of a job. ``path``, below the torrent's root folder, is ours; ``size_bytes`` is null when unknown."""

    id: str
    file_index: int
    name: str
    path: str
    size_bytes: int | None
    r2_key: str | msgspec.UnsetType = msgspec.UNSET
    mime_type: str | msgspec.UnsetType = msgspec.UNSET


class JobDetailBody(JobBody, kw_only=True):
    """A job with its files."""

    files: list[FileBody]


class JobPageBody(msgspec.Struct):
    """A page of jobs, newest first, with the paging that was applied."""

    items: list[JobBody]
    limit: int
    offset: int


class StreamFile(msgspec.Struct):
    """The file behind a stream URL (its size is ``size`` here, not ``size_bytes``)."""

    name: str
    size: int | None
    mime_type: str | None


class StreamBody(msgspec.Struct, kw_only=True):
    """Answer of ``GET …/stream``; ``backend`` only when a provider's own link is handed out."""

    url: str
    expires_in_seconds: int
    source: str
    backend: str | msgspec.UnsetType = msgspec.UNSET
    file: StreamFile


def job_body(job: Job) -> JobBody:
    """A job as the contract shows it."""
    return JobBody(
        id=str(job.id),
        info_hash=job.info_hash,
        status=job.state.value,
        cached_in_store=job.cached_in if job.cached_in in _CACHE_WORDS else None,
        external_id=job.transfer_id,
        external_source=job.provider,
        progress_pct=round(job.progress * 100, 2),
        created_at=_instant(job.created_at),
        name=job.name,
        size_bytes=job.size,
        error=job.error or None,
        error_code=job.error_code,
        waiting=job.waiting or None,
        speed=job.speed,
        eta=_seconds_left(job),
        updated_at=_instant(job.updated_at),
        missing_since=_instant(job.missing_since) if job.missing_since else None,
        missing=job.missing or None,
    )


def job_detail_body(job: Job, files: list[JobFile]) -> JobDetailBody:
    """A job with its files at top level."""
    return JobDetailBody(**msgspec.structs.asdict(job_body(job)), files=[file_body(file) for file in files])


def file_body(file: JobFile) -> FileBody:
    """A file as the contract shows it; optional fields are left out rather than null."""
    return FileBody(
        id=str(file.id),
        file_index=file.index,
        name=file.name,
        path=file.path,
        size_bytes=file.size if file.size >= 0 else None,
        r2_key=file.stored_key or msgspec.UNSET,
        mime_type=file.mime_type or msgspec.UNSET,
    )


def stream_body(answer: StreamAnswer) -> StreamBody:
    """A stream URL."""
    file = answer.file
    return StreamBody(
        url=answer.url,
        expires_in_seconds=answer.expires_in_seconds,
        source=answer.source,
        backend=answer.backend or msgspec.UNSET,
        file=StreamFile(file.name, file.size if file.size >= 0 else None, file.mime_type),
    )


def _seconds_left(job: Job) -> int | None:
    if job.state.over or not job.speed or job.size is None:
        return None
    return round(job.size * (1 - job.progress) / job.speed)


def _instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
