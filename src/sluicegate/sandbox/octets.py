"""The bytes of every file in the world: derived from identity and path, so any range exists without being stored."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

__all__ = ["BLOCK", "sha256_of", "spans"]

BLOCK: Final = 64 * 1024
"""Bytes of one generated block."""

_CHUNK_BLOCKS: Final = 4
_MARK: Final = 32


@lru_cache(maxsize=128)
def _texture(seed: bytes) -> bytes:
    """One block of incompressible noise per file; making it is slow, so it is made once and reused."""
    return hashlib.shake_128(seed).digest(BLOCK)


def _seed(identity: str, path: str) -> bytes:
    return hashlib.sha256(f"{identity}\0{path}".encode("utf-8", "surrogatepass")).digest()


def _blocks(seed: bytes, first: int, last: int) -> Iterator[bytes]:
    """Blocks ``first`` to ``last``: the file's noise behind a mark of the position, so that no two blocks are equal."""
    body = _texture(seed)[_MARK:]
    for index in range(first, last + 1):
        yield hashlib.sha256(seed + index.to_bytes(8, "big")).digest()
        yield body


def spans(identity: str, path: str, start: int, stop: int) -> Iterator[bytes]:
    """The bytes [start, stop) of a file in pieces of at most 256 KiB.

    The bytes at a position do not depend on the file's size.
    """
    seed = _seed(identity, path)
    while start < stop:
        first = start // BLOCK
        end = min(stop, (first + _CHUNK_BLOCKS) * BLOCK)
        piece = b"".join(_blocks(seed, first, (end - 1) // BLOCK))
        offset = first * BLOCK
        yield piece if (start, end) == (offset, offset + len(piece)) else piece[start - offset : end - offset]
        start = end


def sha256_of(identity: str, path: str, size: int) -> str:
    """The SHA-256 of a whole file in hex, by streaming it (about a second per GiB)."""
    digest = hashlib.sha256()
    for piece in spans(identity, path, 0, size):
        digest.update(piece)
    return digest.hexdigest()
