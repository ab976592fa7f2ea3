"""Cutting a stream into parts of equal size, each known to be the last one or not."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass
from typing import Final

from sluicegate.core.errors import SizeMismatch, StorageError
from sluicegate.storages.object_store.bucket import MIB

__all__ = ["Piece", "part_size_for", "pieces"]

_PART: Final = 8 * MIB
_UNKNOWN_PART: Final = 16 * MIB
"""For a stream of unknown length: 10,000 parts of this are 156 GiB. Equal sizes, because Cloudflare R2 wants them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part that is about to be sent; ``number`` counts from 1."""

    number: int
    offset: int
    body: bytes
    last: bool


def part_size_for(size: int | None, parts_max: int) -> int:
    """Bytes of a part: small parts keep memory small, but their number is limited. A whole number of mebibytes."""
    if size is None:
        return _UNKNOWN_PART
    needed = -(-size // parts_max)
    return max(_PART, -(-needed // MIB) * MIB)


async def pieces(
    chunks: AsyncIterator[bytes], *, part_size: int, offset: int, size: int | None, parts_max: int
) -> AsyncGenerator[Piece, None]:
    """Cuts ``chunks``, which begin at ``offset``, into parts. An empty stream is one empty part.

    Raises:
        SizeMismatch: not ``size`` bytes in all; raised before the last part is handed out.
    """
    number, position, gathered = offset // part_size + 1, offset, _Gathered()
    async with _closing(chunks):
        async for chunk in chunks:
            gathered.add(chunk)
            if size is not None and position + gathered.count > size:
                raise SizeMismatch(f"{size} bytes were promised, more arrived.")
            # More than a part, not as much: only then is it sure that this one is not the last.
            while gathered.count > part_size:
                if number >= parts_max:
                    raise StorageError("The stream is longer than this storage takes in one upload.")
                yield Piece(number, position, gathered.take(part_size), last=False)
                number, position = number + 1, position + part_size
    if size is not None and position + gathered.count != size:
        raise SizeMismatch(f"{size} bytes were promised, {position + gathered.count} arrived.")
    yield Piece(number, position, gathered.take(gathered.count), last=True)


class _Gathered:
    """Chunks that wait to become a part: each byte is copied once, when the part is made."""

    def __init__(self) -> None:
        self._chunks: list[bytes | memoryview] = []
        self.count = 0

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.count += len(chunk)

    def take(self, count: int) -> bytes:
        """The first ``count`` bytes, of which there are as many in all but the last chunk."""
        spare = self.count - count
        rest: list[bytes | memoryview] = []
        if spare:
            last = memoryview(self._chunks.pop())
            self._chunks.append(last[: len(last) - spare])
            rest = [last[len(last) - spare :]]
        body = b"".join(self._chunks)
        self._chunks, self.count = rest, spare
        return body


def _closing(chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[object]:
    """Frees the source as soon as nobody reads it any more."""
    return aclosing(chunks) if isinstance(chunks, AsyncGenerator) else nullcontext()
