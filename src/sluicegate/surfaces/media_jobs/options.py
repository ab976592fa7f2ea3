"""Reading the options of a media job: every value and every rule between them (fact sheet, section 4.1)."""

import re
from typing import Final

from sluicegate.core.errors import InvalidInput
from sluicegate.core.media import CODECS_BY_CONTAINER
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.core.web_links import parse_link
from sluicegate.surfaces.media_jobs.schemas import CreateJob, Options

__all__ = [
    "AUDIO",
    "AUDIO_CODECS",
    "BITRATES",
    "BULK_MAX",
    "CRF_MAX",
    "FILENAME_MAX",
    "FOLDER_MAX",
    "PRESETS",
    "PRIORITY_MAX",
    "RESOLUTIONS",
    "VIDEO",
    "VIDEO_CODECS",
    "read_options",
]

VIDEO: Final = ("mp4", "mkv", "webm", "mov")
AUDIO: Final = ("m4a", "mp3", "ogg", "opus")
VIDEO_CODECS: Final = ("copy", "h264", "h265", "vp9")
AUDIO_CODECS: Final = ("copy", "aac", "opus", "mp3")
BITRATES: Final = ("64k", "128k", "192k", "256k", "320k")
PRESETS: Final = ("highest", "high", "medium", "low", "lowest")
RESOLUTIONS: Final = ("best", "2160", "1440", "1080", "720", "480", "360")
_CLOCK: Final = re.compile(r"(?:(\d{1,3}):([0-5]?\d)|(\d{1,4})):([0-5]?\d(?:\.\d{1,3})?)", re.ASCII)
_PLAIN: Final = re.compile(r"\d{1,6}(?:\.\d{1,3})?", re.ASCII)
FOLDER_MAX: Final = 200
FILENAME_MAX: Final = 255
CRF_MAX: Final = 51
PRIORITY_MAX: Final = 9
BULK_MAX: Final = 100


def read_options(body: Options, filename: str | None = None) -> MediaOptions:
    """Checks every option and every rule between options.

    Raises:
        InvalidInput: names the first field that is wrong and what it may be.
    """
    container = body.format or ("m4a" if body.audio_only else "mp4")
    _one_of("format", container, AUDIO if body.audio_only else VIDEO + AUDIO)
    audio_only = body.audio_only or container in AUDIO
    _one_of("video_codec", body.video_codec, VIDEO_CODECS)
    _one_of("audio_codec", body.audio_codec, AUDIO_CODECS)
    video_fits, audio_fits = CODECS_BY_CONTAINER[container]
    _one_of(f"video_codec for {container}", body.video_codec, tuple(c for c in VIDEO_CODECS if c in video_fits))
    _one_of(f"audio_codec for {container}", body.audio_codec, tuple(c for c in AUDIO_CODECS if c in audio_fits))
    _one_of("audio_bitrate", body.audio_bitrate, BITRATES)
    _one_of("max_resolution", body.max_resolution, RESOLUTIONS)
    if body.quality_preset is not None:
        _one_of("quality_preset", body.quality_preset, PRESETS)
    if not 0 <= body.video_quality <= CRF_MAX:
        raise InvalidInput(f"video_quality must be between 0 and {CRF_MAX}", field="video_quality")
    if body.max_duration is not None and body.max_duration < 1:
        raise InvalidInput("max_duration must be at least 1 second", field="max_duration")
    _check_folder(body.folder)
    _check_filename(filename)
    _check_priority(body)
    _check_webhook(body)
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
        filename=filename or None,
        folder=body.folder,
        clip_start=start,
        clip_end=end,
        download_subtitles=body.download_subtitles,
        download_thumbnail=body.download_thumbnail,
        live_recording=body.live_recording,
        live_from_start=body.live_from_start,
        max_duration=body.max_duration,
        wait_for_video=body.wait_for_video,
        webhook_url=body.webhook_url,
        enable_progress_webhook=body.enable_progress_webhook,
    )


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInput(f"{field} must be one of: {', '.join(allowed)}", field=field.partition(" ")[0])


def _check_priority(body: Options) -> None:
    if isinstance(body, CreateJob) and abs(body.priority) > PRIORITY_MAX:
        raise InvalidInput(f"priority must be between -{PRIORITY_MAX} and {PRIORITY_MAX}", field="priority")


def _check_webhook(body: Options) -> None:
    if body.webhook_url is None:
        if body.enable_progress_webhook:
            raise InvalidInput("enable_progress_webhook needs a webhook_url", field="enable_progress_webhook")
        return
    try:
        parse_link(body.webhook_url)
    except InvalidInput as error:
        raise InvalidInput(f"webhook_url: {error.detail}", field="webhook_url") from error


def _check_folder(folder: str | None) -> None:
    if folder is None:
        return
    if not folder.strip():
        raise InvalidInput("Folder name cannot be empty", field="folder")
    if len(folder) > FOLDER_MAX:
        raise InvalidInput(f"Folder name too long (max {FOLDER_MAX} characters)", field="folder")
    if ".." in folder:
        raise InvalidInput("Folder name cannot contain '..'", field="folder")
    if folder[0] in "/\\":
        raise InvalidInput("Folder name cannot start with '/' or '\\'", field="folder")
    if "\0" in folder:
        raise InvalidInput("Folder name cannot contain NUL bytes", field="folder")


def _check_filename(filename: str | None) -> None:
    if filename is None:
        return
    if len(filename) > FILENAME_MAX:
        raise InvalidInput(f"Filename too long (max {FILENAME_MAX} characters)", field="filename")
    for part, name in (("..", "'..'"), ("/", "'/'"), ("\\", "'\\'"), ("\0", "NUL bytes")):
        if part in filename:
            raise InvalidInput(f"Filename cannot contain {name}", field="filename")


def _seconds(field: str, text: str | None) -> float | None:
    """``HH:MM:SS``, ``MM:SS`` or plain seconds."""
    if text is None:
        return None
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{field} must be HH:MM:SS, MM:SS or seconds", field=field)
    hours, minutes, only_minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or only_minutes) * 60 + float(seconds)
