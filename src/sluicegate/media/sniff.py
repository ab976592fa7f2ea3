"""Tells what a file is by its first bytes, never by a name or a header that a stranger chose."""

from enum import StrEnum
from typing import Final

__all__ = ["HEAD_BYTES", "Looks", "classify", "container_of", "picture_of"]

HEAD_BYTES: Final = 4096
"""How much of the beginning is enough."""

_TS_PACKET: Final = 188
_ISO_BOXES: Final = frozenset({b"ftyp", b"moov", b"moof", b"styp", b"wide", b"free", b"skip", b"pnot"})
_AUDIO_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PREFIXES: Final = (
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b"FLV\x01", "flv"),
    (_ASF, "asf"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x00\x00\x01\xb3", "mpeg"),
    (b"#!AMR", "amr"),
    (b"caff", "caf"),
    (b"\x0b\x77", "ac3"),
)


class Looks(StrEnum):
    """What a downloader may expect behind an address, after its first bytes."""

    MEDIA = "media"
    PAGE = "page"
    """HTML, a playlist, a manifest or a feed: something to be read by the media workshop."""
    OTHER = "other"
    """Neither; refused as media."""


def classify(head: bytes) -> Looks:
    """Sorts the first bytes of an answer (at least ``HEAD_BYTES`` when there are so many)."""
    if container_of(head) is not None:
        return Looks.MEDIA
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return Looks.PAGE if text.startswith((b"<", b"#extm3u", b"{", b"[playlist]")) else Looks.OTHER


def container_of(head: bytes) -> str | None:
    """``mp4``, ``m4a``, ``webm``, ``mkv``, ``mpegts``, ``mp3``, ``ogg`` … or None when it is not media."""
    for prefix, name in _PREFIXES:
        if head.startswith(prefix):
            return name
    return _iso(head) or _matroska(head) or _riff(head) or _transport_stream(head) or _frames(head)


def picture_of(head: bytes) -> str | None:
    """``jpg``, ``png`` or ``webp``, or None; SVG is no picture here, since it can carry scripts."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _iso(head: bytes) -> str | None:
    """A first box of a known kind and less than 16 MiB, so that text does not pass for one."""
    box = head[4:8]
    if box == b"mdat":
        return "mp4"
    if box not in _ISO_BOXES or head[0] != 0:
        return None
    brand = head[8:12] if box == b"ftyp" else b""
    return "m4a" if brand in _AUDIO_BRANDS else "mov" if brand == b"qt  " else "mp4"


def _matroska(head: bytes) -> str | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return "webm" if b"webm" in head[:64] else "mkv"


def _riff(head: bytes) -> str | None:
    if head[:4] != b"RIFF":
        return None
    return {b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12])


def _transport_stream(head: bytes) -> str | None:
    """Packets of 188 bytes, each beginning with 0x47; Blu-ray style files put four bytes before each."""
    for stride, offset in ((_TS_PACKET, 0), (_TS_PACKET + 4, 4)):
        marks = head[offset : offset + 5 * stride : stride]
        if len(marks) >= 2 and set(marks) == {0x47}:
            return "mpegts"
    return None


def _frames(head: bytes) -> str | None:
    """Bare MPEG audio: an 11 bit sync word; layer 0 means ADTS, that is AAC."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    valid = head[1] & 0x18 != 0x08 and head[1] & 0x06 and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C
    return "mp3" if valid else None
