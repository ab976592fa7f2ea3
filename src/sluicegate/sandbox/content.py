"""What a hash or a URL is in this world: a name, files, where it is cached, how fast it moves."""

import hashlib
import posixpath
import re
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

__all__ = ["DEFAULT_SECONDS", "DEFAULT_SIZE", "Content", "ContentFile", "default_content", "identity", "is_hash"]

DEFAULT_SIZE: Final = 8 * 1024 * 1024
"""Bytes of the one file of an undefined hash or URL."""

DEFAULT_SECONDS: Final = 3.0
"""World seconds until an undefined transfer is ready."""

_HASH: Final = re.compile(r"[0-9a-f]{40}")


class ContentFile(msgspec.Struct, frozen=True):
    """One file: ``path`` relative to the root folder (hostile names are allowed on purpose), ``size`` bytes.

    ``bytes`` is the SHA-256 of what was handed in for it; empty for noise derived from source and path.
    """

    path: str
    size: int
    bytes: str = ""


class Content(msgspec.Struct, frozen=True):
    """What a source holds.

    Attributes:
        source: a 40-hex info hash, a URL (NZB, web download, hoster link) or ``nzb:<sha1>`` of an uploaded NZB.
        name: name of the root folder; equal to the file's name for most single files.
        files: in the source's own order.
        cached_on: house names of the providers that hold it already.
        seconds_to_ready: world seconds from start to ready where it is not cached.
        dies: it fails half-way where it is not cached.
        blocked_on: house names of the providers that refuse it as infringing.
    """

    source: str
    name: str
    files: tuple[ContentFile, ...]
    cached_on: tuple[str, ...] = ()
    seconds_to_ready: float = DEFAULT_SECONDS
    dies: bool = False
    blocked_on: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """40 hex characters: the info hash itself, or one derived from the URL."""
        return identity(self.source)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def is_hash(source: str) -> bool:
    """Whether a source is an info hash (lower-case) rather than a URL."""
    return _HASH.fullmatch(source) is not None


def identity(source: str) -> str:
    """A source's 40 hex characters."""
    return source if is_hash(source) else hashlib.sha256(source.encode()).hexdigest()[:40]


def default_content(source: str) -> Content:
    """What nobody defined: one 8 MiB file, cached nowhere, ready after 3 world seconds."""
    if is_hash(source):
        name = f"Sandbox.{source[:8]}.mkv"
    else:
        parts = urlsplit(source)
        name = posixpath.basename(unquote(parts.path).rstrip("/")) or parts.netloc or "download"
        name = name.removesuffix(".nzb")
        name = name if "." in name else f"{name}.{identity(source)[:8]}.bin"
    return Content(source=source, name=name, files=(ContentFile(name, DEFAULT_SIZE),))
