"""Cutting a stream into parts of equal size, each known to be the last one or not.

Parts are filled into a few buffers that are used again and again, so that a part is in memory once and not also as the
chunks that it is made of.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext, suppress
from dataclasses import dataclass
from typing import Final

from sluicegate.core.errors import SizeMismatch, StorageError
from sluicegate.storages.object_store.bucket import MIB

__all__ = ["Buffers", "Piece", "part_size_for", "pieces"]

_UNKNOWN_PART: Final = 16 * MIB
"""For a stream of unknown length: 10,000 parts of this are 156 GiB. Equal sizes, because Cloudflare R2 wants them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part that is about to be sent; ``number`` counts from 1. Its buffer is handed back once it has been sent."""

    number: int
    offset: int
    body: memoryview
    last: bool


class Buffers:
    """The buffers of one upload: a few, one of which is being filled while the others are on their way."""

    def __init__(self, most: int) -> None:
        self._free: list[bytearray] = []
        self._room = asyncio.Semaphore(most)

    async def take(self, size: int) -> bytearray:
        """One of exactly ``size`` bytes, with whatever it held before; waits until there may be one."""
        await self._room.acquire()
        while self._free:
            if len(buffer := self._free.pop()) == size:
                return buffer
        return bytearray(size)

    def give_back(self, body: memoryview) -> None:
        """Takes the buffer under ``body`` for use again, unless somebody still reads it: a socket may."""
        self._room.release()
        buffer = body.obj
        with suppress(BufferError):  # then the buffer is not used again
            body.release()
            if isinstance(buffer, bytearray) and buffer:
                buffer.append(buffer.pop())  # what is looked at cannot change its length
                self._free.append(buffer)


def part_size_for(size: int | None, parts_max: int, least: int) -> int:
    """Bytes of a part: small parts keep memory small, but their number is limited. A whole number of mebibytes."""
    if size is None:
        return _UNKNOWN_PART
    needed = -(-size // parts_max)
    return max(least, -(-needed // MIB) * MIB)


async def pieces(
    chunks: AsyncIterator[bytes], buffers: Buffers, *, part_size: int, offset: int, size: int | None, parts_max: int
) -> AsyncGenerator[Piece, None]:
    """Cuts ``chunks``, which begin at ``offset``, into parts. An empty stream is one empty part.

    Raises:
        SizeMismatch: not ``size`` bytes in all; raised before the last part is handed out.
    """
    number, position, filled = offset // part_size + 1, offset, 0
    room = part_size if size is None else min(part_size, max(size - offset, 1))
    buffer = await buffers.take(room)
    async with _closing(chunks):
        async for chunk in chunks:
            if size is not None and position + filled + len(chunk) > size:
                raise SizeMismatch(f"{size} bytes were promised, more arrived.")
            rest = memoryview(chunk)
            while rest:
                # A full part, and more to come: only then is it sure that this one is not the last.
                if filled == part_size:
                    if number >= parts_max:
                        raise StorageError("The stream is longer than this storage takes in one upload.")
                    yield Piece(number, position, memoryview(buffer), last=False)
                    number, position, filled = number + 1, position + part_size, 0
                    buffer = await buffers.take(part_size)
                count = min(len(rest), part_size - filled)
                buffer[filled : filled + count] = rest[:count]
                filled, rest = filled + count, rest[count:]
    if size is not None and position + filled != size:
        raise SizeMismatch(f"{size} bytes were promised, {position + filled} arrived.")
    yield Piece(number, position, memoryview(buffer)[:filled], last=True)


def _closing(chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[object]:
    """Frees the source as soon as nobody reads it any more."""
    return aclosing(chunks) if isinstance(chunks, AsyncGenerator) else nullcontext()
