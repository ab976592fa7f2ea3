"""Records a broadcast: reads its playlist again and again and appends each new segment.

yt-dlp would hand a broadcast to ffmpeg, which would open addresses by itself; here every request goes through the
same guarded handler as all others.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from yt_dlp.networking import Request

from sluicegate.core.errors import MediaProtected, NoMedia
from sluicegate.media.extractor.playlist import MediaPlaylist, Segment
from sluicegate.media.extractor.reader import PageReader
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.wire import Order

__all__ = ["record"]

_EDGE_SEGMENTS: Final = 3
_QUIET_TARGETS: Final = 3
_BLOCK: Final = 256 * 1024

Note = Callable[[int, float | None, float | None], None]


def record(reader: PageReader, order: Order, first: MediaPlaylist, base: str, path: Path, note: Note) -> None:
    """Appends segments to ``path`` until the broadcast ends, stays quiet for three segments, or is long enough.

    An interrupted recording begins anew: what was missed meanwhile is not there to be fetched any more.

    Raises:
        Refusal: nothing could be recorded, or it is encrypted.
    """
    if first.encrypted:
        raise Refusal(MediaProtected("The broadcast is encrypted; recording it is not supported."))
    seconds = 0.0
    written = 0
    with path.open("wb") as file:
        if first.initial:
            written += _append(reader, first.initial, file, note, written)
        for segment in _segments(reader, first, base, from_start=order.from_start):
            written += _append(reader, segment.url, file, note, written)
            seconds += segment.seconds
            if order.max_seconds is not None and seconds >= order.max_seconds:
                break
    if not written:
        raise Refusal(NoMedia("The broadcast sent nothing."))


def _segments(reader: PageReader, playlist: MediaPlaylist, base: str, *, from_start: bool) -> Iterator[Segment]:
    """Each segment once, in order, as the broadcast publishes them."""
    waiting = playlist.segments if from_start else playlist.segments[-_EDGE_SEGMENTS:]
    last = -1
    heard = time.monotonic()
    while True:
        for segment in waiting:
            if segment.number > last:
                last = segment.number
                heard = time.monotonic()
                yield segment
        if playlist.ended or time.monotonic() - heard > _QUIET_TARGETS * playlist.target:
            return
        time.sleep(max(playlist.target / 2, 0.5))
        with reader.urlopen(Request(base)) as response:
            playlist = MediaPlaylist.parse(response.read().decode("utf-8", "replace"), response.url)
        waiting = playlist.segments


def _append(reader: PageReader, url: str, file: BinaryIO, note: Note, written: int) -> int:
    """Copies one segment; returns its bytes."""
    size = 0
    with reader.urlopen(Request(url)) as response:
        while block := response.read(_BLOCK):
            file.write(block)
            size += len(block)
            note(written + size, None, None)
    return size
