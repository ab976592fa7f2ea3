"""Media jobs: one page, playlist entry or direct file that becomes one stored media file."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sluicegate.core.errors import IllegalMove

__all__ = [
    "MEDIA_MOVES",
    "MediaJob",
    "MediaNews",
    "MediaOptions",
    "MediaResult",
    "MediaState",
    "MediaStep",
    "check_media_move",
]


class MediaState(StrEnum):
    """States of the media jobs contract (its sheet, section 2.1), spelled as on the wire."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    WARNING = "Warning"
    SKIPPED = "Skipped"

    @property
    def over(self) -> bool:
        """True for the four states that nothing leaves."""
        return self not in {MediaState.PENDING, MediaState.PROCESSING}


class MediaStep(StrEnum):
    """Steps of the contract (section 2.2); a finished job keeps the last one it reached."""

    QUEUED = "Queued"
    DOWNLOADING = "Downloading"
    MUXING = "Muxing"
    UPLOADING = "Uploading"
    FINISHED = "Finished"


_M = MediaState
MEDIA_MOVES: Final[dict[MediaState, frozenset[MediaState]]] = {
    _M.PENDING: frozenset({_M.PROCESSING, _M.FAILED, _M.WARNING, _M.SKIPPED}),
    _M.PROCESSING: frozenset({_M.COMPLETED, _M.FAILED, _M.WARNING, _M.SKIPPED}),
    _M.COMPLETED: frozenset(),
    _M.FAILED: frozenset(),
    _M.WARNING: frozenset(),
    _M.SKIPPED: frozenset(),
}


def check_media_move(old: MediaState, new: MediaState) -> None:
    """Accepts a legal move or none at all.

    Raises:
        IllegalMove: a media job in ``old`` cannot go to ``new``.
    """
    if old is not new and new not in MEDIA_MOVES[old]:
        raise IllegalMove(f"A media job that is {old} cannot become {new}.")


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """What the caller asked for, already validated (contract sheet, section 4.1).

    Attributes:
        container: ``mp4``, ``mkv``, ``webm``, ``mov``, ``m4a``, ``mp3``, ``ogg`` or ``opus``.
        video_codec: ``copy``, ``h264``, ``h265`` or ``vp9``.
        audio_codec: ``copy``, ``aac``, ``opus`` or ``mp3``.
        audio_bitrate: ``64k`` to ``320k``.
        video_quality: CRF 0 to 51.
        max_resolution: ``best`` or the shorter side in pixels as text.
        clip_start, clip_end: seconds, or None.
        own_storage: the request named the storage itself; a retry goes there, too.
    """

    container: str = "mp4"
    video_codec: str = "copy"
    audio_codec: str = "copy"
    audio_bitrate: str = "192k"
    video_quality: int = 23
    quality_preset: str | None = None
    max_resolution: str = "best"
    audio_only: bool = False
    filename: str | None = None
    folder: str | None = None
    clip_start: float | None = None
    clip_end: float | None = None
    download_subtitles: bool = False
    download_thumbnail: bool = False
    live_recording: bool = False
    live_from_start: bool = False
    max_duration: int | None = None
    wait_for_video: bool = False
    webhook_url: str | None = None
    enable_progress_webhook: bool = False
    own_storage: bool = False


@dataclass(frozen=True, slots=True)
class MediaResult:
    """Measured facts about a job's work; every figure is real or None. Durations in milliseconds, sizes in bytes.

    ``source_version`` is what the host calls the version of a plain file: parts of another one are not continued.
    """

    title: str | None = None
    description: str | None = None
    release_date: str | None = None
    file_size: int | None = None
    download_bytes: int | None = None
    download_duration_ms: int | None = None
    mux_duration_ms: int | None = None
    upload_duration_ms: int | None = None
    total_duration_ms: int | None = None
    queue_wait_ms: int | None = None
    metadata_duration_ms: int | None = None
    precheck_duration_ms: int | None = None
    subtitle_duration_ms: int | None = None
    io_wait_ms: int | None = None
    cpu_wait_ms: int | None = None
    upload_wait_ms: int | None = None
    native_video_codec: str | None = None
    native_audio_codec: str | None = None
    download_strategy: str | None = None
    download_retries: int = 0
    upload_retries: int = 0
    actual_quality: str | None = None
    source_version: str | None = None


@dataclass(frozen=True, slots=True)
class MediaNews:
    """How far a job is in a step; see ``MediaJob``."""

    job_id: UUID
    step: MediaStep
    progress: float
    bytes_done: int
    bytes_total: int | None
    speed: float | None


@dataclass(frozen=True, slots=True)
class MediaJob:
    """One media job of one user.

    Attributes:
        stored_key: key of the finished file in ``storage``; None before, and after its file was deleted.
        progress: 0.0 to 1.0 over all steps, by bytes while downloading.
        bytes_done, bytes_total, speed: of the running step: bytes, bytes or None while unknown, bytes per second.
        position: place in its batch, from 0.
        priority: larger runs first, among the jobs of the same user.
        host: whose server it is fetched from; as many jobs at once as are allowed for a host.
        enqueued_at: when it may run at the earliest; None while its batch is paused.
        admitted_at: since when it holds one of the places at work; None while it waits for one.
        not_before: the next try waits for this time.
        waiting: why it waits, in plain words, while it has been begun and does.
        reserved_bytes: of the user's quota, held while it is at work.
        retry_of: the job it repeats.
        error: plain words, for Failed, Warning and Skipped.
    """

    id: UUID
    user_id: UUID
    url: str = field(repr=False)
    state: MediaState
    step: MediaStep
    options: MediaOptions
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: float = 0.0
    result: MediaResult = field(default_factory=MediaResult)
    storage: str | None = None
    stored_key: str | None = None
    subtitle_key: str | None = None
    thumbnail_key: str | None = None
    batch_id: UUID | None = None
    error_code: str | None = None
    error: str | None = None
    attempts: int = 0
    version: int = 1
    bytes_done: int = 0
    bytes_total: int | None = None
    speed: float | None = None
    position: int = 0
    priority: int = 0
    host: str = ""
    enqueued_at: datetime | None = None
    admitted_at: datetime | None = None
    not_before: datetime | None = None
    waiting: str | None = None
    reserved_bytes: int = 0
    retry_of: UUID | None = None
