"""Real bytes that somebody handed in for files of the world, named by their SHA-256; every other file is noise."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["FILE_MAX", "TOTAL_MAX", "KeptBytes"]

FILE_MAX: Final = 16 * 1024 * 1024
"""Bytes of the largest file that is kept."""

TOTAL_MAX: Final = 64 * 1024 * 1024
"""Bytes of everything that is kept."""

_PIECE: Final = 256 * 1024
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class KeptBytes:
    """Contents by digest.

    Args:
        folder: where they are kept, or None for memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        self._sizes = {path.name: path.stat().st_size for path in _kept_in(folder)}

    def put(self, content: bytes) -> str:
        """Keeps a content and returns its digest. Raises ValueError when it is too large for it."""
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._sizes:
            return digest
        if len(content) > FILE_MAX:
            raise ValueError(f"a file has at most {FILE_MAX} bytes")
        if sum(self._sizes.values()) + len(content) > TOTAL_MAX:
            raise ValueError(f"all files together have at most {TOTAL_MAX} bytes")
        if self._folder is None:
            self._memory[digest] = content
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f"{digest}.part"
            unfinished.write_bytes(content)
            unfinished.replace(self._folder / digest)
        self._sizes[digest] = len(content)
        return digest

    def size(self, digest: str) -> int | None:
        """How many bytes are kept under a digest; None when there are none."""
        return self._sizes.get(digest)

    def pieces(self, digest: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop) in pieces of at most 256 KiB."""
        if self._folder is None:
            for offset in range(start, stop, _PIECE):
                yield self._memory[digest][offset : min(stop, offset + _PIECE)]
            return
        with (self._folder / digest).open("rb") as file:
            file.seek(start)
            for offset in range(start, stop, _PIECE):
                yield file.read(min(_PIECE, stop - offset))

    def clear(self) -> None:
        """Forgets everything."""
        for path in _kept_in(self._folder):
            path.unlink()
        self._memory.clear()
        self._sizes.clear()


def _kept_in(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if _DIGEST.fullmatch(path.name)]
