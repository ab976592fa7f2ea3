"""HLS media playlists, as far as they must be understood before a segment is fetched.

yt-dlp does the fetching; here the playlist is checked (every address http or https, an end, no protection), cut to a
clip, and read again and again while a broadcast lasts. Format: RFC 8216, section 4.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from sluicegate.core.errors import MediaProtected, NoMedia, UnsafeSource
from sluicegate.media.extractor.network import refuse_schemes
from sluicegate.media.extractor.refusal import Refusal

__all__ = ["MediaPlaylist", "Segment"]

_MAX_SEGMENTS: Final = 50_000
_KEY: Final = re.compile(r"#EXT-X-(?:SESSION-)?KEY:(?P<attributes>.*)")
_METHOD: Final = re.compile(r"METHOD=([A-Z0-9-]+)")
_URI: Final = re.compile(r'URI="([^"]*)"')
_SEGMENT_TAGS: Final = ("#EXTINF:", "#EXT-X-BYTERANGE:", "#EXT-X-PROGRAM-DATE-TIME:", "#EXT-X-GAP", "#EXT-X-BITRATE:")


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of media: its absolute address, seconds, and number in the broadcast."""

    url: str
    seconds: float
    number: int


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """A checked playlist.

    Attributes:
        text: as served.
        segments: in order.
        ended: nothing will be added.
        target: longest segment, in seconds.
        initial: address of the initialisation section, or None.
        encrypted: segments need a key.
    """

    text: str
    segments: tuple[Segment, ...]
    ended: bool
    target: float
    initial: str | None
    encrypted: bool

    @classmethod
    def parse(cls, text: str, base: str) -> "MediaPlaylist":
        """Reads ``text``, which was served at ``base``.

        Raises:
            Refusal: it is no media playlist, names foreign addresses, is endless or protected.
        """
        lines = [line.strip() for line in text.splitlines()]
        if not lines or not lines[0].startswith("#EXTM3U"):
            raise Refusal(NoMedia("The playlist is not one."))
        if sum(1 for line in lines if line and not line.startswith("#")) > _MAX_SEGMENTS:
            raise Refusal(UnsafeSource("The playlist has more pieces than allowed."))
        encrypted = _check_keys(lines)
        for line in lines:
            for address in [*_URI.findall(line), *([line] if line and not line.startswith("#") else [])]:
                refuse_schemes(urljoin(base, address))
        return cls(
            text=text,
            segments=_segments(lines, base),
            ended="#EXT-X-ENDLIST" in lines or "#EXT-X-PLAYLIST-TYPE:VOD" in lines,
            target=_number(_value(lines, "#EXT-X-TARGETDURATION:"), 10.0),
            initial=_initial(lines, base),
            encrypted=encrypted,
        )

    def cut(self, start: float, end: float) -> tuple[str, float]:
        """The playlist without the segments outside ``start`` to ``end``, and the second at which it now begins.

        It stays whole when its times are rounded to whole seconds (their sum drifts) or its pieces share one file.
        """
        exact = any("." in line.partition(",")[0] for line in self.text.splitlines() if line.startswith("#EXTINF:"))
        if not exact or "#EXT-X-BYTERANGE" in self.text:
            return self.text, 0.0
        times = _times(self.segments)
        kept = [
            begin < end and begin + piece.seconds > start for begin, piece in zip(times, self.segments, strict=True)
        ]
        if not any(kept):
            return self.text, 0.0
        first = kept.index(True)
        return self._keep(kept, self.segments[first].number), times[first]

    def _keep(self, kept: list[bool], number: int) -> str:
        """Drops segments with the tags that belong to one segment; keys, maps and breaks stay."""
        result: list[str] = []
        own: list[str] = []
        wanted = iter(kept)
        for line in (line.strip() for line in self.text.splitlines()):
            if line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
                result.append(f"#EXT-X-MEDIA-SEQUENCE:{number}")
            elif line.startswith(_SEGMENT_TAGS):
                own.append(line)
            elif line and not line.startswith("#"):
                result += [*own, line] if next(wanted) else []
                own = []
            else:
                result.append(line)
        return "\n".join(result)


def _check_keys(lines: list[str]) -> bool:
    """True when segments are encrypted with a key that is handed out; other methods are copy protection."""
    encrypted = False
    for line in lines:
        if not (key := _KEY.match(line)):
            continue
        attributes = key["attributes"]
        method = _METHOD.search(attributes)
        if (
            method is None
            or method[1] not in {"NONE", "AES-128"}
            or "KEYFORMAT=" in attributes.replace('KEYFORMAT="identity"', "")
        ):
            raise Refusal(MediaProtected("The stream is encrypted for players that may not copy it."))
        encrypted = encrypted or method[1] == "AES-128"
    return encrypted


def _segments(lines: list[str], base: str) -> tuple[Segment, ...]:
    number = int(_number(_value(lines, "#EXT-X-MEDIA-SEQUENCE:"), 0.0))
    seconds = 0.0
    found: list[Segment] = []
    for line in lines:
        if line.startswith("#EXTINF:"):
            seconds = _number(line[len("#EXTINF:") :].partition(",")[0], 0.0)
        elif line and not line.startswith("#"):
            found.append(Segment(urljoin(base, line), seconds, number + len(found)))
    return tuple(found)


def _times(segments: tuple[Segment, ...]) -> list[float]:
    times, now = [], 0.0
    for segment in segments:
        times.append(now)
        now += segment.seconds
    return times


def _initial(lines: list[str], base: str) -> str | None:
    uri = _URI.search(_value(lines, "#EXT-X-MAP:"))
    return urljoin(base, uri[1]) if uri else None


def _value(lines: list[str], tag: str) -> str:
    return next((line[len(tag) :] for line in lines if line.startswith(tag)), "")


def _number(text: str, default: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return default
    return number if 0 <= number < 1e12 else default
