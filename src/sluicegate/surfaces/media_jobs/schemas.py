"""Wire shapes of the media jobs API, and the reading of its options (fact sheet, sections 4 to 6)."""

import re
from typing import Any, Final

import msgspec

from sluicegate.core.errors import InvalidInput
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaState
from sluicegate.services.media_keys import shown_key

__all__ = [
    "Accepted",
    "Cancelled",
    "CreateJob",
    "ErrorBody",
    "JobList",
    "JobRow",
    "job_detail",
    "job_row",
    "read_options",
    "read_state",
]

_VIDEO: Final = ("mp4", "mkv", "webm", "mov")
_AUDIO: Final = ("m4a", "mp3", "ogg", "opus")
_VIDEO_CODECS: Final = ("copy", "h264", "h265", "vp9")
_AUDIO_CODECS: Final = ("copy", "aac", "opus", "mp3")
_BITRATES: Final = ("64k", "128k", "192k", "256k", "320k")
_PRESETS: Final = ("highest", "high", "medium", "low", "lowest")
_RESOLUTIONS: Final = ("best", "2160", "1440", "1080", "720", "480", "360")
_CLOCK: Final = re.compile(r"(?:(?:(\d{1,3}):)?([0-5]?\d):)?(\d{1,6}(?:\.\d{1,3})?)")
_FOLDER_MAX: Final = 200
_FILENAME_MAX: Final = 255
_CRF_MAX: Final = 51


class CreateJob(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of ``POST /jobs``."""

    url: str
    format: str | None = None
    video_codec: str = "copy"
    audio_codec: str = "copy"
    audio_bitrate: str = "192k"
    video_quality: int = 23
    filename: str | None = None
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


class Accepted(msgspec.Struct):
    """Answer of ``POST /jobs`` for a single URL."""

    job_id: str


class Cancelled(msgspec.Struct):
    """Answer of ``DELETE /jobs/{id}``."""

    message: str
    job_id: str


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


def read_options(body: CreateJob) -> MediaOptions:
    """Checks every option and every rule between options.

    Raises:
        InvalidInput: names the first field that is wrong and what it may be.
    """
    container = body.format or ("m4a" if body.audio_only else "mp4")
    _one_of("format", container, _AUDIO if body.audio_only else _VIDEO + _AUDIO)
    audio_only = body.audio_only or container in _AUDIO
    _one_of("video_codec", body.video_codec, _VIDEO_CODECS)
    _one_of("audio_codec", body.audio_codec, _AUDIO_CODECS)
    _one_of("audio_bitrate", body.audio_bitrate, _BITRATES)
    _one_of("max_resolution", body.max_resolution, _RESOLUTIONS)
    if body.quality_preset is not None:
        _one_of("quality_preset", body.quality_preset, _PRESETS)
    if not 0 <= body.video_quality <= _CRF_MAX:
        raise InvalidInput(f"video_quality must be between 0 and {_CRF_MAX}", field="video_quality")
    if body.max_duration is not None and body.max_duration < 1:
        raise InvalidInput("max_duration must be at least 1 second", field="max_duration")
    _check_folder(body.folder)
    _check_filename(body.filename)
    start, end = _seconds("clip_start", body.clip_start), _seconds("clip_end", body.clip_end)
    if end is not None and end <= (start or 0.0):
        raise InvalidInput("clip_end must be greater than clip_start", field="clip_end")
    return MediaOptions(
        container=container,
        video_codec=body.video_codec,
        audio_codec=body.audio_codec,
        audio_bitrate=body.audio_bitrate,
        video_quality=body.video_quality,
        quality_preset=body.quality_preset,
        max_resolution=body.max_resolution,
        audio_only=audio_only,
        filename=body.filename or None,
        folder=body.folder,
        clip_start=start,
        clip_end=end,
        download_subtitles=body.download_subtitles,
        download_thumbnail=body.download_thumbnail,
        live_recording=body.live_recording,
        live_from_start=body.live_from_start,
        max_duration=body.max_duration,
        wait_for_video=body.wait_for_video,
    )


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


def job_detail(job: MediaJob, *, url: str | None, subtitle: str | None, thumbnail: str | None) -> dict[str, Any]:
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
    optional: dict[str, Any] = {"folder": job.options.folder, "batch_id": str(job.batch_id) if job.batch_id else None}
    if job.state is MediaState.COMPLETED:
        optional |= _measured(job) | {"thumbnail_url": thumbnail}
    elif job.result.title is not None:
        optional["title"] = job.result.title
    if job.finished_at is not None:
        optional["finished_at"] = _epoch_ms(job.finished_at.timestamp())
    return detail | {name: value for name, value in optional.items() if value is not None}


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
        "queue_wait_ms": result.queue_wait_ms,
        "file_size": result.file_size,
        "native_video_codec": result.native_video_codec,
        "native_audio_codec": result.native_audio_codec,
        "download_strategy": result.download_strategy,
        "download_retries": result.download_retries,
        "upload_retries": result.upload_retries,
        "requested_quality": job.options.max_resolution,
        "actual_quality": result.actual_quality,
    }


def _speed(size: int | None, duration_ms: int | None) -> float | None:
    if not size or duration_ms is None:
        return None
    return round(size / 1e6 / (max(duration_ms, 1) / 1000), 2)


def _epoch_ms(seconds: float) -> int:
    return round(seconds * 1000)


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInput(f"{field} must be one of: {', '.join(allowed)}", field=field)


def _check_folder(folder: str | None) -> None:
    if folder is None:
        return
    if not folder.strip():
        raise InvalidInput("Folder name cannot be empty", field="folder")
    if len(folder) > _FOLDER_MAX:
        raise InvalidInput(f"Folder name too long (max {_FOLDER_MAX} characters)", field="folder")
    if ".." in folder:
        raise InvalidInput("Folder name cannot contain '..'", field="folder")
    if folder[0] in "/\\":
        raise InvalidInput("Folder name cannot start with '/' or '\\'", field="folder")
    if "\0" in folder:
        raise InvalidInput("Folder name cannot contain NUL bytes", field="folder")


def _check_filename(filename: str | None) -> None:
    if filename is None:
        return
    if len(filename) > _FILENAME_MAX:
        raise InvalidInput(f"Filename too long (max {_FILENAME_MAX} characters)", field="filename")
    for part, name in (("..", "'..'"), ("/", "'/'"), ("\\", "'\\'"), ("\0", "NUL bytes")):
        if part in filename:
            raise InvalidInput(f"Filename cannot contain {name}", field="filename")


def _seconds(field: str, text: str | None) -> float | None:
    """``HH:MM:SS``, ``MM:SS`` or plain seconds."""
    if text is None:
        return None
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"{field} must be HH:MM:SS, MM:SS or seconds", field=field)
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
