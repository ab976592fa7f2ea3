"""The normalised payloads, ``data.<slug>.data`` (the sheet's section 7): core values as the contract words them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.availability import Availability
from sluicegate.core.gateway import JobKind
from sluicegate.core.links import Link
from sluicegate.core.names import mime_type_of
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.gateway_jobs import JobFileView

__all__ = [
    "AccountBody",
    "CacheBody",
    "CanceledBody",
    "FilesBody",
    "JobBody",
    "JobsBody",
    "PlaybackBody",
    "UnlockBody",
    "account_body",
    "cache_body",
    "files_body",
    "job_body",
    "playback_body",
    "unlock_body",
    "worded_cache_body",
    "worded_cache_item",
]

_STATUSES: Final = {
    TransferState.UNKNOWN: "queued",
    TransferState.QUEUED: "queued",
    TransferState.RESOLVING: "downloading",
    TransferState.SELECTING: "queued",
    TransferState.DOWNLOADING: "downloading",
    TransferState.STALLED: "downloading",
    TransferState.PROCESSING: "processing",
    TransferState.READY: "completed",
    TransferState.FAILED: "failed",
}
"""The closed set of statuses; ``paused`` and ``canceled`` complete it."""


class AccountBody(msgspec.Struct, kw_only=True):
    """``account.session``. Name and address of the person stay with us: add-ons read this."""

    provider: str
    user_id: str
    username: str | None = None
    email: str | None = None
    plan: str | None
    is_premium: bool | None
    premium_expires_at: str | None
    points: float | None = None
    traffic: float | None = None
    limits: dict[str, float]


class JobBody(msgspec.Struct, kw_only=True):
    """A job. ``status`` is one of queued, downloading, processing, paused, completed, failed, canceled.

    Attributes:
        id: the same as ``job_id``.
        upstream_status: the provider's own word.
        progress: 0 to 1.
        size: bytes.
        hash: lower-case info hash.
    """

    job_id: str
    id: str
    kind: JobKind
    name: str | None
    status: str
    upstream_status: str | None
    progress: float
    size: int | None
    hash: str | None
    url: str | None = None
    created_at: str | None
    updated_at: str | None = None
    error: str | None


class JobsBody(msgspec.Struct):
    """``jobs.list``."""

    items: list[JobBody]


class CanceledBody(msgspec.Struct):
    """``jobs.cancel``: what was done; ``status`` is null where only a look at the job can tell."""

    job_id: str
    kind: JobKind
    status: str | None
    operation: str


class FileBody(msgspec.Struct):
    """A file of a job; ``path`` ends with ``name``, ``size`` is in bytes."""

    id: str
    name: str
    path: str
    size: int | None
    mime_type: str | None
    selected: bool


class FilesBody(msgspec.Struct):
    """``jobs.files.list``."""

    job_id: str
    files: list[FileBody]


class LocationBody(msgspec.Struct):
    """A place that yields the bytes."""

    url: str
    type: str
    filename: str | None
    size: int | None
    expires_at: str | None


class PlaybackBody(msgspec.Struct):
    """``jobs.files.playback``."""

    job_id: str
    file_id: str
    locations: list[LocationBody]


class UnlockBody(msgspec.Struct):
    """``hoster.links.unlock``."""

    filename: str | None
    size: int | None
    host: str | None
    locations: list[LocationBody]


class CachedFileBody(msgspec.Struct):
    """A file of something cached."""

    id: str | None
    name: str
    path: str
    size: int | None


class CacheItemBody(msgspec.Struct):
    """One hash; ``cached`` is null where nobody can tell."""

    info_hash: str
    cached: bool | None
    name: str | None
    size: int | None
    files: list[CachedFileBody] | None


class CacheBody(msgspec.Struct):
    """``torrents.cache_check``: one item per requested hash, in request order."""

    items: list[CacheItemBody]


def account_body(slug: str, facts: AccountFacts) -> AccountBody:
    """An account."""
    return AccountBody(
        provider=slug,
        user_id=facts.id,
        plan=facts.plan or None,
        is_premium=facts.premium,
        premium_expires_at=_time(facts.expires_at),
        limits=dict(facts.limits),
    )


def job_body(transfer: Transfer, kind: JobKind) -> JobBody:
    """A job; ``kind`` is the one it was asked for under."""
    failed = transfer.state is TransferState.FAILED
    ready = transfer.state is TransferState.READY
    return JobBody(
        job_id=transfer.id,
        id=transfer.id,
        kind=kind,
        name=transfer.name or None,
        status=_status(transfer),
        upstream_status=transfer.detail or None,
        progress=1.0 if ready else min(1.0, max(0.0, transfer.progress)),
        size=transfer.size,
        hash=transfer.info_hash,
        created_at=_time(transfer.added_at),
        error=(transfer.detail or "The provider gave up on it.") if failed else None,
    )


def files_body(job_id: str, views: Sequence[JobFileView]) -> FilesBody:
    """The files of a job."""
    files = [
        FileBody(
            view.id,
            view.file.name,
            view.file.path,
            _size(view.file.size),
            view.file.mime_type or mime_type_of(view.file.path),
            view.file.selected,
        )
        for view in views
    ]
    return FilesBody(job_id, files)


def playback_body(job_id: str, view: JobFileView, link: Link) -> PlaybackBody:
    """Where one file of a job plays."""
    return PlaybackBody(job_id, view.id, [_location(link, view.file.name, _size(view.file.size))])


def unlock_body(link: Link, host: str | None) -> UnlockBody:
    """Where a hoster's file is."""
    return UnlockBody(link.name or None, link.size, host, [_location(link, link.name, link.size)])


def cache_body(answers: Sequence[Availability], *, list_files: bool) -> CacheBody:
    """Availability of hashes."""
    return CacheBody(
        [
            CacheItemBody(
                answer.info_hash,
                answer.cached,
                answer.name or None,
                answer.size,
                _cached_files(answer) if list_files else None,
            )
            for answer in answers
        ]
    )


def worded_cache_item(answer: Availability) -> bytes:
    """One item of a cache check, without files, as it goes onto the wire."""
    return msgspec.json.encode(cache_body([answer], list_files=False).items[0])


def worded_cache_body(items: Sequence[bytes]) -> msgspec.Raw:
    """A cache check made of items that are worded already."""
    return msgspec.Raw(b'{"items":[' + b",".join(items) + b"]}")


def _status(transfer: Transfer) -> str:
    stalled = transfer.state is TransferState.STALLED
    return "paused" if stalled and transfer.detail.lower().startswith("paused") else _STATUSES[transfer.state]


def _cached_files(answer: Availability) -> list[CachedFileBody]:
    return [CachedFileBody(None, file.name, file.path, _size(file.size)) for file in answer.files]


def _location(link: Link, name: str, size: int | None) -> LocationBody:
    known = link.size if link.size is not None else size
    return LocationBody(link.url, "direct", link.name or name or None, known, _time(link.expires_at))


def _size(size: int) -> int | None:
    return size if size >= 0 else None


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
