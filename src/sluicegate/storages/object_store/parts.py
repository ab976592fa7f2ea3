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
    number, gathered, position = offset // part_size + 1, bytearray(), offset
    async with _closing(chunks):
        async for chunk in chunks:
            gathered += chunk
            if size is not None and position + len(gathered) > size:
                raise SizeMismatch(f"{size} bytes were promised, more arrived.")
            # More than a part, not as much: only then is it sure that this one is not the last.
            while len(gathered) > part_size:
                if number >= parts_max:
                    raise StorageError("The stream is longer than this storage takes in one upload.")
                with memoryview(gathered) as view:
                    body = bytes(view[:part_size])
                del gathered[:part_size]
                yield Piece(number, position, body, last=False)
                number, position = number + 1, position + part_size
    if size is not None and position + len(gathered) != size:
        raise SizeMismatch(f"{size} bytes were promised, {position + len(gathered)} arrived.")
    yield Piece(number, position, bytes(gathered), last=True)


def _closing(chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[object]:
    """Frees the source as soon as nobody reads it any more."""
    return aclosing(chunks) if isinstance(chunks, AsyncGenerator) else nullcontext()
