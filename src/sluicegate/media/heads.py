"""What the first bytes of a media file tell about its streams, without starting a program."""

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["HeadStreams", "streams_of"]

_STSD: Final = re.compile(rb"stsd.{8}.{4}(?P<kind>[\x21-\x7e]{4})", re.DOTALL)
"""ISO/IEC 14496-12, section 8.5.2: the sample description box, its first entry and that entry's four-letter name."""

_MVHD: Final = re.compile(
    rb"mvhd(?:\x00.{11}(?P<scale>.{4})(?P<length>.{4})|\x01.{19}(?P<scale_1>.{4})(?P<length_1>.{8}))", re.DOTALL
)
"""Section 8.2.2: the movie header box; its duration is in units of its time scale."""

_PICTURES: Final = {b"avc1", b"avc3", b"hev1", b"hvc1", b"av01", b"vp09", b"vp08", b"mp4v"}
_SOUNDS: Final = {b"mp4a", b"Opus", b"ac-3", b"ec-3", b"fLaC", b"alac", b".mp3"}
_SIZE_AT: Final = 24
"""Bytes from the end of a visual sample entry's name to its width and height, two each (section 12.1.3)."""

_CODEC_IDS: Final = (
    (b"V_MPEG4/ISO/AVC", "avc1", True),
    (b"V_MPEGH/ISO/HEVC", "hvc1", True),
    (b"V_VP9", "vp09", True),
    (b"V_VP8", "vp08", True),
    (b"V_AV1", "av01", True),
    (b"A_OPUS", "opus", False),
    (b"A_VORBIS", "vorbis", False),
    (b"A_AAC", "mp4a", False),
    (b"A_MPEG/L3", "mp3", False),
)
"""Matroska's codec names (RFC 9559, section 5.1.4.1.21)."""

_AUDIO_ALONE: Final = {"mp3": "mp3", "ogg": None, "flac": "flac", "aac": "mp4a", "wav": None}


@dataclass(frozen=True, slots=True)
class HeadStreams:
    """Codecs as containers spell them, the picture's size and the seconds, each None where the bytes do not tell."""

    video: str | None = None
    audio: str | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None


def streams_of(container: str, head: bytes) -> HeadStreams:
    """Reads what is there; a file whose index is at its end tells nothing."""
    if container in {"mp4", "mov", "m4a"}:
        return _iso(head)
    if container in {"mkv", "webm"}:
        named = [(word, picture) for name, word, picture in _CODEC_IDS if name in head]
        video = next((word for word, picture in named if picture), None)
        return HeadStreams(video, next((word for word, picture in named if not picture), None))
    if container == "ogg":
        return HeadStreams(audio="opus" if b"OpusHead" in head else "vorbis" if b"\x01vorbis" in head else None)
    return HeadStreams(audio=_AUDIO_ALONE.get(container))


def _iso(head: bytes) -> HeadStreams:
    video, audio, width, height = None, None, None, None
    for match in _STSD.finditer(head):
        kind = match["kind"]
        if kind in _PICTURES and video is None:
            video = kind.decode()
            size = head[match.end() + _SIZE_AT : match.end() + _SIZE_AT + 4]
            if len(size) == 4:
                width, height = int.from_bytes(size[:2], "big"), int.from_bytes(size[2:], "big")
        elif kind in _SOUNDS and audio is None:
            audio = kind.decode().strip(".").lower() if kind != b"mp4a" else "mp4a"
    return HeadStreams(video, audio, width or None, height or None, _seconds(head))


def _seconds(head: bytes) -> float | None:
    """Zero and all ones stand for "not known", as in fragmented files."""
    match = _MVHD.search(head)
    if match is None:
        return None
    scale = int.from_bytes(match["scale"] or match["scale_1"], "big")
    raw = match["length"] or match["length_1"]
    length = int.from_bytes(raw, "big")
    return round(length / scale, 3) if scale and length and raw != b"\xff" * len(raw) else None
