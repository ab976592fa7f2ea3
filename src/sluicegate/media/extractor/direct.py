"""Tells a plain media file from a page, by its first bytes."""

# ruff: noqa: ANN401  (yt-dlp has no types)

from typing import Any, Final

from yt_dlp.networking import Request

from sluicegate.core.errors import NoMedia
from sluicegate.core.media import DirectFile
from sluicegate.media.extractor.reader import PageReader
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.sniff import HEAD_BYTES, container_of

__all__ = ["direct_file"]

_RANGE: Final = {"Range": f"bytes=0-{HEAD_BYTES - 1}", "Accept-Encoding": "identity"}


def direct_file(reader: PageReader, info: dict[str, Any]) -> DirectFile | None:
    """The plain file that yt-dlp found at the address, or None when it found a page or a playlist.

    yt-dlp takes everything that is not HTML for a direct video, so the file's own bytes decide.

    Raises:
        Refusal: the file is not media (a program, an archive, a text).
    """
    if not info.get("direct"):
        return None
    form = info if info.get("url") else (info.get("formats") or [{}])[0]
    with reader.urlopen(Request(form["url"], headers=(form.get("http_headers") or {}) | _RANGE)) as response:
        container = container_of(response.read(HEAD_BYTES))
        if container is None:
            raise Refusal(NoMedia("The address answers a file that is neither video nor audio."))
        return DirectFile(url=response.url, container=container, size=_size(response))


def _size(response: Any) -> int | None:
    """Of the whole file: after the slash of ``Content-Range`` when the server honoured the range."""
    whole = str(response.get_header("Content-Range") or "").rpartition("/")[2]
    text = whole if response.status == 206 else str(response.get_header("Content-Length") or "")
    return int(text) if text.isdecimal() else None
