"""What is really in a media file.

The wheel has no ffprobe, and ffmpeg's listing on the error output mixes facts with text from the file: a title can
forge a line of it. The ``framecrc`` muxer writes codec, size and packet times alone, on an output of its own.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sluicegate.core.errors import InternalError
from sluicegate.media.ffmpeg import Ffmpeg, opened

__all__ = ["MediaStreams", "duration_of", "probe_end", "probe_file"]

_HEAD: Final = ("-frames:v", "1", "-frames:a", "1")
_TAIL_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class MediaStreams:
    """The first picture and the first sound of a file; cover pictures do not count.

    Attributes:
        video, audio: codecs in ffmpeg's spelling (``h264``, ``aac``), None without one.
        width, height: as stored, before any rotation.
        first, last: seconds of the file's own clock at which the part that was read begins and ends.
    """

    video: str | None = None
    audio: str | None = None
    width: int | None = None
    height: int | None = None
    first: float = field(default=0.0, compare=False)
    last: float = field(default=0.0, compare=False)


async def probe_file(ffmpeg: Ffmpeg, path: Path, *, folder: Path) -> MediaStreams:
    """Reads the beginning of ``path``: ``first`` is true, ``last`` is not.

    Raises:
        ConversionFailed: it is not media.
    """
    return await _probe(ffmpeg, path, folder, before=(), limit=_HEAD)


async def probe_end(ffmpeg: Ffmpeg, path: Path, *, folder: Path) -> MediaStreams:
    """Reads the last seconds of ``path``: ``last`` is true, ``first`` is not. Empty when there are no packets.

    Raises:
        ConversionFailed: it is not media.
    """
    return await _probe(ffmpeg, path, folder, before=("-sseof", f"-{_TAIL_SECONDS}"), limit=())


async def duration_of(ffmpeg: Ffmpeg, path: Path, *, folder: Path) -> float:
    """Seconds from the first to the last packet.

    Raises:
        ConversionFailed: it is not media.
    """
    begin = await probe_file(ffmpeg, path, folder=folder)
    end = await probe_end(ffmpeg, path, folder=folder)
    return end.last - begin.first


async def _probe(
    ffmpeg: Ffmpeg, path: Path, folder: Path, *, before: tuple[str, ...], limit: tuple[str, ...]
) -> MediaStreams:
    listing = _Listing()
    with opened([path]) as handles:
        arguments = ["-copyts", *ffmpeg.inputs(handles, before), "-map", "0:V:0?", "-map", "0:a:0?", "-c", "copy"]
        output = [*limit, "-f", "framecrc", "pipe:1"]
        await ffmpeg.run([*arguments, *output], folder=folder, handles=handles, on_line=listing.line)
    return listing.streams()


class _Listing:
    """Reads the muxer's lines: facts like ``#codec_id 0: h264``, then packets ``stream, dts, pts, duration, …``."""

    def __init__(self) -> None:
        self._facts: dict[str, dict[str, str]] = {}
        self._first = float("inf")
        self._last = float("-inf")

    def line(self, line: bytes) -> None:
        """Takes one line.

        Raises:
            InternalError: this ffmpeg writes another format.
        """
        text = line.decode("ascii", "replace").strip()
        try:
            if text.startswith("#"):
                name, _, value = text.removeprefix("#").partition(": ")
                kind, _, number = name.partition(" ")
                self._facts.setdefault(number, {})[kind] = value
            else:
                self._packet(*(part.strip() for part in text.split(",")[:4]))
        except (ValueError, TypeError, KeyError) as error:
            raise InternalError("The converter listed the media in an unknown way.") from error

    def _packet(self, number: str, _: str, shown: str, lasts: str) -> None:
        over, under = self._facts[number]["tb"].split("/")
        unit = int(over) / int(under)
        self._first = min(self._first, int(shown) * unit)
        self._last = max(self._last, (int(shown) + int(lasts)) * unit)

    def streams(self) -> MediaStreams:
        """All that was listed; nothing when there was no packet. What lies before 0 is never shown."""
        if math.isinf(self._last):
            return MediaStreams()
        video = self._of_type("video")
        width, _, height = video.get("dimensions", "").partition("x")
        return MediaStreams(
            video=video.get("codec_id"),
            audio=self._of_type("audio").get("codec_id"),
            width=int(width) if width.isdecimal() else None,
            height=int(height) if height.isdecimal() else None,
            first=max(self._first, 0.0),
            last=self._last,
        )

    def _of_type(self, kind: str) -> dict[str, str]:
        return next((facts for facts in self._facts.values() if facts.get("media_type") == kind), {})
