"""What is inside a backup: named parts, each a stream of blocks whose length nobody knows beforehand.

A part is ``name length(2) | name``, then blocks of ``length(4) | bytes`` up to one of length 0. A name of length 0 ends
the backup.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from sluicegate.services.backup_file import refused

__all__ = ["Sink", "end_parts", "read_parts", "write_part"]

_NAME: Final = struct.Struct(">H")
_BLOCK: Final = struct.Struct(">I")
_BLOCK_MAX: Final = 1 << 22


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Takes some."""
        ...


def write_part(sink: Sink, name: str, blocks: Iterable[bytes]) -> None:
    """Writes one part; blocks of at most 4 MiB."""
    raw = name.encode("utf-8", "surrogateescape")
    sink.write(_NAME.pack(len(raw)) + raw)
    for block in blocks:
        if block:
            sink.write(_BLOCK.pack(len(block)))
            sink.write(block)
    sink.write(_BLOCK.pack(0))


def end_parts(sink: Sink) -> None:
    """Says that no part follows."""
    sink.write(_NAME.pack(0))


def read_parts(chunks: Iterable[bytes]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each part's name and blocks; what is left of a part is skipped when the next one is asked for.

    Raises:
        InvalidInput: the parts end too early.
    """
    source = _Source(chunks)
    while length := _NAME.unpack(source.take(_NAME.size))[0]:
        name = source.take(length).decode("utf-8", "surrogateescape")
        blocks = _blocks(source)
        yield name, blocks
        for _ in blocks:
            pass
    source.expect_end()


def _blocks(source: "_Source") -> Iterator[bytes]:
    while length := _BLOCK.unpack(source.take(_BLOCK.size))[0]:
        if length > _BLOCK_MAX:
            raise refused()
        yield source.take(length)


class _Source:
    """Chunks as a stream of exact lengths; it holds a chunk and a block at most."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = bytearray()

    def take(self, length: int) -> bytes:
        while len(self._held) < length:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise refused()
            self._held += chunk
        taken = bytes(self._held[:length])
        del self._held[:length]
        return taken

    def expect_end(self) -> None:
        """Reads to the end, where alone a cut file shows itself."""
        if self._held or any(self._chunks):
            raise refused()
