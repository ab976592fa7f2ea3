"""Subtitles and the picture that stands for the media; failing to get them never fails the job."""

import re
from pathlib import Path
from typing import Any, Final

from yt_dlp.downloader.hls import HlsFD
from yt_dlp.networking import Request
from yt_dlp.utils import YoutubeDLError

from sluicegate.media.extractor.download import read_playlist
from sluicegate.media.extractor.reader import PageReader
from sluicegate.media.sniff import picture_of
from sluicegate.media.wire import Order

__all__ = ["fetch_subtitle", "fetch_thumbnail"]

_MAX_PICTURE: Final = 16 << 20
_LANGUAGE: Final = re.compile(r"[^A-Za-z0-9-]")
_TEXT_FORMATS: Final = ("vtt", "srt", "ass", "ssa")


def fetch_thumbnail(reader: PageReader, order: Order, info: dict[str, Any]) -> str | None:
    """Stores the best picture under our own name; what is not a picture by its bytes is dropped."""
    address = info.get("thumbnail")
    if not address:
        return None
    try:
        with reader.urlopen(Request(address)) as response:
            picture = response.read(_MAX_PICTURE + 1)
    except (YoutubeDLError, OSError):
        return None
    kind = picture_of(picture)
    if kind is None or len(picture) > _MAX_PICTURE:
        return None
    path = Path(order.confinement.folder) / f"thumbnail.{kind}"
    path.write_bytes(picture)
    return path.name


def fetch_subtitle(reader: PageReader, order: Order, info: dict[str, Any]) -> str | None:
    """Stores one subtitle in the format it comes in, as ``subtitle.<language>.<format>``; English is preferred."""
    choice = _choose(info.get("subtitles") or {})
    if choice is None:
        return None
    path = Path(order.confinement.folder) / f"subtitle.{choice['language']}.{choice['ext']}"
    try:
        if choice.get("data") is not None:
            path.write_text(choice["data"], encoding="utf-8")
        elif str(choice.get("protocol", "")).startswith("m3u8"):
            playlist, base = read_playlist(reader, choice)
            HlsFD(reader, reader.params).download(
                str(path), {**choice, "url": base, "hls_media_playlist_data": playlist.text}
            )
        else:
            with reader.urlopen(Request(choice["url"], headers=choice.get("http_headers") or {})) as response:
                path.write_bytes(response.read())
    except (YoutubeDLError, OSError):
        return None
    return path.name if path.is_file() else None


def _choose(subtitles: dict[str, list[dict[str, Any]]]) -> dict[str, Any] | None:
    for language in sorted(subtitles, key=lambda name: (not name.startswith("en"), name)):
        offered = [form for form in subtitles[language] if form.get("ext") in _TEXT_FORMATS]
        if offered:
            best = min(offered, key=lambda form: _TEXT_FORMATS.index(form["ext"]))
            return {**best, "language": _LANGUAGE.sub("", language)[:20] or "und"}
    return None
