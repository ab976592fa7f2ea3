"""Finds fetched files that are already what was asked for: they pass as they are, and nothing is copied.

The bytes decide, never a name: the container by its boxes, the codecs and the end by the converter's own reading.
"""

import asyncio
from pathlib import Path
from typing import BinaryIO, Final

from sluicegate.core.errors import ConversionFailed
from sluicegate.core.media import FetchedMedia
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.ffmpeg import Ffmpeg
from sluicegate.media.formats import Container
from sluicegate.media.probe import MediaStreams, probe_end
from sluicegate.media.sniff import HEAD_BYTES, container_of

__all__ = ["matching"]

_ISO: Final = {"mp4", "mov", "m4a"}
_SPELLED: Final = {"opus": "ogg"}
"""Containers whose bytes have the name of another one."""

_BOXES: Final = 64
_HEADER: Final = 8
_LONG_HEADER: Final = 16
_TAGGED: Final = "hevc"
"""Apple's players accept it under one of its two tags only, so that it is written anew."""


async def matching(
    ffmpeg: Ffmpeg, fetched: FetchedMedia, options: MediaOptions, container: Container, folder: Path
) -> MediaStreams | None:
    """What is in the one fetched file when it can stay as it is, None when it has to be shaped."""
    if not _unchanged(fetched, options):
        return None
    path = fetched.tracks[0].path
    if not await asyncio.to_thread(_is_whole, path, container):
        return None
    try:
        streams = await probe_end(ffmpeg, path, folder=folder)
    except ConversionFailed:
        return None
    return streams if streams.last > 0 and _fits(streams, options, container) else None


def _unchanged(fetched: FetchedMedia, options: MediaOptions) -> bool:
    """One plain file, neither cut nor converted; pieces that were put together have no index."""
    uncut = options.clip_start is None and options.clip_end is None and options.max_duration is None
    copied = options.video_codec == "copy" and options.audio_codec == "copy"
    return uncut and copied and len(fetched.tracks) == 1 and fetched.strategy in {"http", "direct"}


def _fits(streams: MediaStreams, options: MediaOptions, container: Container) -> bool:
    picture = streams.video is None if options.audio_only else streams.video in {None, *container.video} - {_TAGGED}
    sound = streams.audio in container.audio if options.audio_only else streams.audio in {None, *container.audio}
    return picture and sound and (streams.video or streams.audio) is not None


def _is_whole(path: Path, container: Container) -> bool:
    """Whether the bytes are this container, and a player can begin before it has all of them."""
    with path.open("rb") as file:
        found = container_of(file.read(HEAD_BYTES))
        if found != _SPELLED.get(container.name, container.name):
            return False
        return found not in _ISO or _index_first(file, path.stat().st_size)


def _index_first(file: BinaryIO, size: int) -> bool:
    """The index (``moov``) lies before the media (``mdat``), and there are no fragments (ISO/IEC 14496-12, 4.2)."""
    place, indexed = 0, False
    for _ in range(_BOXES):
        file.seek(place)
        head = file.read(_LONG_HEADER)
        if len(head) < _HEADER:
            return indexed and place == size
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if kind == b"moof" or (kind == b"mdat" and not indexed):
            return False
        indexed = indexed or kind == b"moov"
        if length == 0:
            return indexed
        if length < _HEADER:
            return False
        place += length
    return False
