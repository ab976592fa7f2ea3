"""From yt-dlp's loose dictionary of a page to our facts; every value is checked, since extractors pass on anything."""

import math
from datetime import UTC, datetime
from typing import Any, Final

from sluicegate.core.media import DirectFile, LiveStatus, MediaEntry, MediaFacts

__all__ = ["facts_of"]

_LIVE: Final = {
    "not_live": LiveStatus.NO,
    "is_upcoming": LiveStatus.UPCOMING,
    "is_live": LiveStatus.LIVE,
    "was_live": LiveStatus.OVER,
    "post_live": LiveStatus.OVER,
}
_GUESSING: Final = frozenset({"generic", "html5"})
"""Readers of any page: their dates are those of the file on the server, and they number what they find."""

_MAX_LINE: Final = 500
_MAX_TEXT: Final = 20_000
_MAX_ADDRESS: Final = 8_000


def facts_of(info: dict[str, Any], *, direct: DirectFile | None = None, max_entries: int = 0) -> MediaFacts:
    """The facts in yt-dlp's ``info`` about a video or a collection."""
    entries = _entries(info)
    guessed = info.get("extractor") in _GUESSING
    return MediaFacts(
        title=_title(info),
        description=_text(info.get("description"), _MAX_TEXT),
        extractor=_line(info.get("extractor")),
        uploader=_line(info.get("uploader") or info.get("channel")),
        thumbnail=_address(info.get("thumbnail")),
        duration=_seconds(info.get("duration")),
        width=_count(info.get("width")),
        height=_count(info.get("height")),
        view_count=_count(info.get("view_count")),
        like_count=_count(info.get("like_count")),
        filesize_approx=_size(info),
        upload_date=None if guessed else _line(info.get("upload_date")),
        release_date=None if guessed else _moment(info),
        live=_LIVE.get(str(info.get("live_status")), LiveStatus.UNKNOWN),
        direct=direct,
        entries=entries[:max_entries],
        more_entries=len(entries) > max_entries,
    )


def _title(info: dict[str, Any]) -> str | None:
    """The title, without the number that the first video element of a page gets even when it is the only one."""
    title = _line(info.get("title"))
    return title.removesuffix(" (1)") if title and info.get("extractor") == "html5" else title


def _entries(info: dict[str, Any]) -> tuple[MediaEntry, ...]:
    if info.get("_type") != "playlist":
        return ()
    listed = (
        MediaEntry(url=address, title=_line(entry.get("title")))
        for entry in info.get("entries") or ()
        if entry and (address := _address(entry.get("url") or entry.get("webpage_url")))
    )
    return tuple(listed)


def _text(value: object, limit: int) -> str | None:
    """Printable text without control characters but line ends; None for anything that is no text or empty."""
    if not isinstance(value, str):
        return None
    kept = "".join(letter for letter in value[:limit] if letter.isprintable() or letter in "\n\t").strip()
    return kept or None


def _line(value: object) -> str | None:
    text = _text(value, _MAX_LINE)
    return " ".join(text.split()) if text else None


def _address(value: object) -> str | None:
    text = _text(value, _MAX_ADDRESS)
    return text if text and text.startswith(("http://", "https://")) else None


def _count(value: object) -> int | None:
    number = _seconds(value)
    return int(number) if number is not None else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def _size(info: dict[str, Any]) -> int | None:
    """Sum over the chosen formats; None when one of them says nothing."""
    chosen = info.get("requested_formats") or [info]
    sizes = [_count(part.get("filesize") or part.get("filesize_approx")) for part in chosen]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _moment(info: dict[str, Any]) -> str | None:
    """ISO 8601 of the release; a day without a time is its midnight in UTC (contract sheet, section 5.1)."""
    stamp = _seconds(info.get("release_timestamp") or info.get("timestamp"))
    day = info.get("release_date") or info.get("upload_date")
    try:
        if stamp is not None:
            moment = datetime.fromtimestamp(stamp, UTC)
        elif isinstance(day, str):
            moment = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
