"""Wire shapes of the media jobs API (fact sheet, sections 4 to 6)."""

from typing import Any

import msgspec

from sluicegate.core.errors import InvalidInput
from sluicegate.core.media_jobs import MediaJob, MediaState, MediaStep
from sluicegate.services.media_keys import shown_key

__all__ = [
    "Accepted",
    "AcceptedBatch",
    "AcceptedBulk",
    "BatchBody",
    "BulkJob",
    "Cancelled",
    "CreateBulk",
    "CreateJob",
    "Episode",
    "ErrorBody",
    "FileDeleted",
    "JobList",
    "JobRow",
    "Metadata",
    "Options",
    "PageAddress",
    "Rename",
    "Renamed",
    "Renames",
    "Requeued",
    "Started",
    "job_detail",
    "job_row",
    "read_state",
]


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What single jobs and bulks have in common (sections 4.1 and 7)."""

    format: str | None = None
    video_codec: str = "copy"
    audio_codec: str = "copy"
    audio_bitrate: str = "192k"
    video_quality: int = 23
    folder: str | None = None
    audio_only: bool = False
    download_subtitles: bool = False
    download_thumbnail: bool = False
    quality_preset: str | None = None
    max_resolution: str = "best"
    clip_start: str | None = None
    clip_end: str | None = None
    live_recording: bool = False
    live_from_start: bool = False
    max_duration: int | None = None
    wait_for_video: bool = False
    webhook_url: str | None = None
    enable_progress_webhook: bool = False
    storage: dict[str, Any] | None = None
    paused: bool = False


class CreateJob(Options, forbid_unknown_fields=True, kw_only=True):
    """Body of ``POST /jobs``; ``priority`` is our addition."""

    url: str
    filename: str | None = None
    priority: int = 0


class BulkJob(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One item of a bulk."""

    url: str
    filename: str | None = None


class CreateBulk(Options, forbid_unknown_fields=True, kw_only=True):
    """Body of ``POST /jobs/bulk``; ``webhook_url``, ``storage`` and ``paused`` are our additions."""

    jobs: list[BulkJob]


class PageAddress(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /metadata``."""

    url: str


class Rename(msgspec.Struct, forbid_unknown_fields=True):
    """A new name for the file of a job in a paused batch, without extension."""

    job_id: str
    filename: str


class Renames(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /batch/{id}/jobs``."""

    renames: list[Rename]


class Renamed(msgspec.Struct):
    """Answer of ``PATCH /batch/{id}/jobs``: partial success is normal."""

    updated: int
    errors: list[str]


class Started(msgspec.Struct):
    """Answer of ``POST /batch/{id}/start``."""

    batch_id: str
    started_jobs: int
    status: str


class Accepted(msgspec.Struct):
    """Answer of ``POST /jobs`` for a single URL."""

    job_id: str


class Episode(msgspec.Struct):
    """One item of a collection."""

    job_id: str
    url: str
    title: str | None


class AcceptedBatch(msgspec.Struct):
    """Answer of ``POST /jobs`` for a collection."""

    batch_id: str
    total_episodes: int
    paused: bool
    episodes: list[Episode]
    episode_jobs: list[str]


class AcceptedBulk(msgspec.Struct):
    """Answer of ``POST /jobs/bulk``."""

    batch_id: str
    total_jobs: int
    job_ids: list[str]


class Cancelled(msgspec.Struct):
    """Answer of ``DELETE /jobs/{id}``."""

    message: str
    job_id: str


class Requeued(msgspec.Struct):
    """Answer of ``POST /jobs/{id}/retry``."""

    job_id: str
    original_job_id: str
    message: str


class FileDeleted(msgspec.Struct):
    """Answer of ``DELETE /jobs/{id}/file``."""

    message: str
    job_id: str
    deleted_key: str


class Metadata(msgspec.Struct):
    """Answer of ``POST /metadata``; what the page does not say is null."""

    title: str | None
    duration: float | None
    width: int | None
    height: int | None
    extractor: str | None
    uploader: str | None
    thumbnail: str | None
    description: str | None
    view_count: int | None
    like_count: int | None
    upload_date: str | None
    filesize_approx: int | None


class BatchBody(msgspec.Struct):
    """Answer of ``GET /batch/{id}``."""

    id: str
    show_url: str | None
    status: str
    folder: str | None
    total_episodes: int
    completed_episodes: int
    failed_episodes: int
    episode_jobs: list[str]


class ErrorBody(msgspec.Struct):
    """Every error of this API."""

    error: str


class JobRow(msgspec.Struct):
    """One item of ``GET /jobs``; unset values are null (section 6.1)."""

    id: str
    url: str
    status: str
    s3_key: str | None
    error: str | None
    step: str
    created_at: int
    finished_at: int | None
    file_size: int | None


class JobList(msgspec.Struct):
    """Answer of ``GET /jobs``; ``total`` ignores the status filter."""

    jobs: list[JobRow]
    total: int
    limit: int
    offset: int


def read_state(text: str | None) -> MediaState | None:
    """The ``status`` filter, in any case.

    Raises:
        InvalidInput: not a state.
    """
    if text is None:
        return None
    try:
        return MediaState(text.capitalize())
    except ValueError as error:
        names = ", ".join(state.value.lower() for state in MediaState)
        raise InvalidInput(f"status must be one of: {names}", field="status") from error


def job_row(job: MediaJob) -> JobRow:
    """A job as a list item."""
    return JobRow(
        id=str(job.id),
        url=job.url,
        status=job.state.value,
        s3_key=shown_key(job, job.stored_key) if job.state is MediaState.COMPLETED else None,
        error=job.error,
        step=job.step.value,
        created_at=_epoch_ms(job.created_at.timestamp()),
        finished_at=_epoch_ms(job.finished_at.timestamp()) if job.finished_at else None,
        file_size=job.result.file_size,
    )


def job_detail(
    job: MediaJob, *, url: str | None, subtitle: str | None, thumbnail: str | None, webhook: str | None = None
) -> dict[str, Any]:
    """A job whole: seven keys always, the others when they apply (section 5.2)."""
    detail: dict[str, Any] = {
        "id": str(job.id),
        "url": job.url,
        "status": job.state.value,
        "s3_url": url,
        "subtitle_url": subtitle,
        "error": job.error,
        "step": job.step.value,
        "created_at": _epoch_ms(job.created_at.timestamp()),
        "progress": round(job.progress, 4),
    }
    if job.error is not None:
        detail["error_type"] = "warning" if job.state in {MediaState.WARNING, MediaState.SKIPPED} else "error"
    optional: dict[str, Any] = {
        "title": job.result.title,
        "folder": job.options.folder,
        "batch_id": str(job.batch_id) if job.batch_id else None,
        "original_job_id": str(job.retry_of) if job.retry_of else None,
        "webhook_status": webhook if job.options.webhook_url else None,
    }
    if job.state is MediaState.COMPLETED:
        optional |= _measured(job) | {"thumbnail_url": thumbnail}
    elif job.state is MediaState.PROCESSING:
        optional |= _running(job)
    elif job.step is not MediaStep.QUEUED:
        optional |= _counted(job)
    if job.finished_at is not None:
        optional["finished_at"] = _epoch_ms(job.finished_at.timestamp())
    return detail | {name: value for name, value in optional.items() if value is not None}


def _running(job: MediaJob) -> dict[str, Any]:
    """Our additions for people who watch: real bytes of the running step, and why a job waits."""
    return {
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "speed_mbps": None if job.speed is None else round(job.speed / 1e6, 2),
        "waiting": job.waiting,
        "queue_wait_ms": job.result.queue_wait_ms,
        **_counted(job),
    }


def _counted(job: MediaJob) -> dict[str, Any]:
    return {"download_retries": job.result.download_retries, "upload_retries": job.result.upload_retries}


def _measured(job: MediaJob) -> dict[str, Any]:
    """Figures of a completed job; durations in milliseconds, speeds in MB/s (the contract's unit despite the name)."""
    result = job.result
    return {
        "title": result.title,
        "description": result.description,
        "release_date": result.release_date,
        "download_speed_mbps": _speed(result.download_bytes, result.download_duration_ms),
        "upload_speed_mbps": _speed(result.file_size, result.upload_duration_ms),
        "download_duration_ms": result.download_duration_ms,
        "mux_duration_ms": result.mux_duration_ms,
        "upload_duration_ms": result.upload_duration_ms,
        "total_duration_ms": result.total_duration_ms,
        "metadata_duration_ms": result.metadata_duration_ms,
        "precheck_duration_ms": result.precheck_duration_ms,
        "subtitle_duration_ms": result.subtitle_duration_ms,
        "queue_wait_ms": result.queue_wait_ms,
        "io_wait_ms": result.io_wait_ms,
        "cpu_wait_ms": result.cpu_wait_ms,
        "upload_wait_ms": result.upload_wait_ms,
        "file_size": result.file_size,
        "native_video_codec": result.native_video_codec,
        "native_audio_codec": result.native_audio_codec,
        "download_strategy": result.download_strategy,
        **_counted(job),
        "requested_quality": job.options.max_resolution,
        "actual_quality": result.actual_quality,
    }


def _speed(size: int | None, duration_ms: int | None) -> float | None:
    if not size or duration_ms is None:
        return None
    return round(size / 1e6 / (max(duration_ms, 1) / 1000), 2)


def _epoch_ms(seconds: float) -> int:
    return round(seconds * 1000)
