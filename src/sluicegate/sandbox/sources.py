"""What was handed in, read with the sandbox's own eyes.

Written apart from the product's readers on purpose: a sandbox that shared them could not show their mistakes.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

__all__ = ["Submitted", "hash_of_torrent", "is_nzb", "nzb_source", "read_hash", "read_magnet", "read_torrent"]

_HEX: Final = re.compile(r"[0-9a-fA-F]{40}")
_BASE32: Final = re.compile(r"[A-Za-z2-7]{32}")
_V2: Final = re.compile(r"1220([0-9a-fA-F]{64})")
_MAX_DEPTH: Final = 32
_Bencoded = int | bytes | list["_Bencoded"] | dict[bytes, "_Bencoded"]


@dataclass(frozen=True, slots=True)
class Submitted:
    """A torrent source: 40-hex lower-case hash, and the name it came with."""

    info_hash: str
    name: str = ""


def read_hash(text: str) -> str | None:
    """A bare info hash in hex or base32, as 40 lower-case hex characters."""
    text = text.strip()
    if _HEX.fullmatch(text):
        return text.lower()
    return base64.b32decode(text.upper()).hex() if _BASE32.fullmatch(text) else None


def read_magnet(text: str) -> Submitted | None:
    """A magnet link; None for anything else."""
    parts = urlsplit(text.strip())
    if parts.scheme.lower() != "magnet":
        return None
    query = parse_qs(parts.query)
    name = query.get("dn", [""])[0]
    for topic in query.get("xt", []):
        lowered = topic.lower()
        if lowered.startswith("urn:btih:") and (info_hash := read_hash(topic[9:])):
            return Submitted(info_hash, name)
        if lowered.startswith("urn:btmh:") and (v2 := _V2.fullmatch(topic[9:])):
            return Submitted(v2[1][:40].lower(), name)
    return None


def read_torrent(data: bytes) -> Submitted | None:
    """A ``.torrent`` file; None if it is none."""
    try:
        found, end = _value(data, 0, 0)
        if not isinstance(found, dict) or end != len(data):
            return None
        info, start, stop = found[b"info"], *_info_span(data)
    except (ValueError, IndexError, KeyError, RecursionError):
        return None
    if not isinstance(info, dict) or not isinstance(info.get(b"name"), bytes):
        return None
    name = info[b"name"]
    info_hash = hash_of_torrent(data[start:stop], v2_only=b"pieces" not in info)
    return Submitted(info_hash, name.decode("utf-8", "replace") if isinstance(name, bytes) else "")


def hash_of_torrent(info: bytes, *, v2_only: bool = False) -> str:
    """The 40-hex hash of an encoded info dictionary; truncated SHA-256 for v2-only torrents (BEP 52)."""
    return hashlib.sha256(info).hexdigest()[:40] if v2_only else hashlib.sha1(info, usedforsecurity=False).hexdigest()


def is_nzb(data: bytes) -> bool:
    """Whether a file looks like an NZB."""
    return b"<nzb" in data[:4096].lower()


def nzb_source(data: bytes) -> str:
    """The source name of an uploaded NZB, for ``World.content``."""
    return "nzb:" + hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _info_span(data: bytes) -> tuple[int, int]:
    """Where the info dictionary lies in the file: its bytes are what the hash is made of."""
    at = 1
    while data[at : at + 1] != b"e":
        key, at = _value(data, at, 1)
        _, end = _value(data, at, 1)
        if key == b"info":
            return at, end
        at = end
    raise KeyError("info")


def _value(data: bytes, at: int, depth: int) -> tuple[_Bencoded, int]:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    head = data[at : at + 1]
    if head == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if head == b"l":
        return _list(data, at + 1, depth)
    if head == b"d":
        items, end = _list(data, at + 1, depth)
        return {key: value for key, value in zip(items[::2], items[1::2], strict=True) if isinstance(key, bytes)}, end
    colon = data.index(b":", at)
    size = int(data[at:colon])
    if size < 0 or colon + 1 + size > len(data):
        raise ValueError("string beyond the end")
    return data[colon + 1 : colon + 1 + size], colon + 1 + size


def _list(data: bytes, at: int, depth: int) -> tuple[list[_Bencoded], int]:
    items: list[_Bencoded] = []
    while data[at : at + 1] != b"e":
        item, at = _value(data, at, depth + 1)
        items.append(item)
    return items, at + 1
