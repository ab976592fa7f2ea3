"""The form for media jobs: its choices in plain words, and what somebody chose."""

from typing import Any, Final

from sluicegate.core.errors import InvalidInput
from sluicegate.core.sources import WebLink
from sluicegate.core.web_links import parse_link
from sluicegate.surfaces.dashboard.forms import Form, sentence

__all__ = ["ADVANCED", "CHOICES", "LINKS_MAX", "chosen_fields", "chosen_links", "refuse"]

LINKS_MAX: Final = 100
"""Links in one form, as in one request of the API."""

CHOICES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "format": (
        ("", "Video (MP4)"),
        ("mkv", "Video (MKV)"),
        ("webm", "Video (WebM)"),
        ("mov", "Video (MOV)"),
        ("m4a", "Sound (M4A)"),
        ("mp3", "Sound (MP3)"),
        ("ogg", "Sound (Ogg)"),
        ("opus", "Sound (Opus)"),
    ),
    "max_resolution": (
        ("best", "The best there is"),
        ("2160", "4K (2160p)"),
        ("1440", "1440p"),
        ("1080", "Full HD (1080p)"),
        ("720", "HD (720p)"),
        ("480", "480p"),
        ("360", "360p"),
    ),
    "video_codec": (
        ("copy", "As it is, without loss"),
        ("h264", "H.264, plays everywhere"),
        ("h265", "H.265, smaller"),
        ("vp9", "VP9"),
    ),
    "audio_codec": (("copy", "As it is, without loss"), ("aac", "AAC"), ("opus", "Opus"), ("mp3", "MP3")),
    "audio_bitrate": tuple((f"{rate}k", f"{rate} kbit/s") for rate in (192, 64, 128, 256, 320)),
    "quality_preset": (
        ("", "By the figure beside it"),
        ("highest", "Highest"),
        ("high", "High"),
        ("medium", "Medium"),
        ("low", "Low"),
        ("lowest", "Lowest"),
    ),
}

_LABELS: Final = {
    "format": "The format",
    "video_codec": "The picture's codec",
    "audio_codec": "The sound's codec",
    "audio_bitrate": "The sound's bit rate",
    "max_resolution": "The resolution",
    "quality_preset": "The quality",
    "clip_start": "The beginning",
    "clip_end": "The end",
    "webhook_url": "The receiver",
}
"""How sentences that name fields of the API are said to a person."""

_TEXTS: Final = {
    "format": 10,
    "max_resolution": 10,
    "video_codec": 10,
    "audio_codec": 10,
    "audio_bitrate": 10,
    "quality_preset": 10,
    "clip_start": 20,
    "clip_end": 20,
    "filename": 255,
    "folder": 200,
    "webhook_url": 4096,
}
_FLAGS: Final = (
    "audio_only",
    "download_subtitles",
    "download_thumbnail",
    "live_recording",
    "live_from_start",
    "wait_for_video",
    "enable_progress_webhook",
)
ADVANCED: Final = frozenset(
    {
        "video_codec",
        "audio_codec",
        "audio_bitrate",
        "quality_preset",
        "video_quality",
        "max_duration",
        "priority",
        "webhook_url",
        "storage",
    }
)
"""Fields that stand in the part that is folded away."""
_WEEK: Final = 7 * 24 * 3600


def chosen_links(form: Form) -> list[WebLink]:
    """The links of the form, one a line; what is wrong is noted at the field."""
    lines = [line for line in form.needed("url", most=60_000).splitlines() if line.strip()]
    if len(lines) > LINKS_MAX:
        form.errors["url"] = f"At most {LINKS_MAX} links at a time; these are {len(lines)}."
        return []
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(parse_link(line))
        except InvalidInput as error:
            place = f"Line {number}: " if len(lines) > 1 else ""
            form.errors.setdefault("url", f"{place}{sentence(error)}")
    return found


def chosen_fields(form: Form) -> dict[str, Any]:
    """The options as the API names them; those that were left alone are missing."""
    fields: dict[str, Any] = {}
    for name, most in _TEXTS.items():
        if text := form.text(name, most=most):
            fields[name] = text
    for name, most_number in (("video_quality", 51), ("max_duration", _WEEK)):
        number = form.number(name, int, least=0 if name == "video_quality" else 1, most=most_number)
        if number is not None:
            fields[name] = number
    priority = form.number("priority", int, least=-9, most=9)
    return fields | {name: True for name in _FLAGS if form.flag(name)} | {"priority": priority or 0}


def refuse(form: Form, error: InvalidInput) -> None:
    """Notes what the options' reader says, in the words of the page."""
    field = error.field or ""
    words = f"{error.detail.removesuffix('.')}."
    if field == "enable_progress_webhook":
        field, words = "webhook_url", "Progress is told to a receiver: name one."
    for name, label in _LABELS.items():
        words = words.replace(name, label, 1) if words.startswith(name) else words
    # What is said of no option is said of the link: it is blocked, or leads where nothing may be fetched.
    form.errors.setdefault(field if field in _TEXTS or field in ADVANCED else "url", words)
