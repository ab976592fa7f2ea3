"""Parts are cut right from chunks of any size, and a buffer that somebody reads is not used again."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from sluicegate.core.errors import SizeMismatch, StorageError
from sluicegate.storages.object_store.parts import Buffers, pieces

CONTENT = bytes(range(251)) * 4


async def cut(sizes: Sequence[int], *, part_size: int, size: int | None, parts_max: int = 1000) -> list[bytes]:
    """The parts of as many bytes of ``CONTENT`` as ``sizes`` add up to; each buffer is given back at once."""

    async def chunks() -> AsyncIterator[bytes]:
        position = 0
        for count in sizes:
            yield CONTENT[position : position + count]
            position += count

    found, buffers = [], Buffers(2)
    async for piece in pieces(chunks(), buffers, part_size=part_size, offset=0, size=size, parts_max=parts_max):
        found.append(bytes(piece.body))
        assert (piece.number, piece.offset) == (len(found), (len(found) - 1) * part_size)
        assert piece.last == (sum(map(len, found)) == sum(sizes))
        buffers.give_back(piece.body)
    return found


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "sizes", [(1000,), (1,) * 1000, (300, 300, 300, 100), (100, 0, 900), (99, 1), (101,), (7,), (0,), ()]
)
async def test_chunks_of_any_size_become_parts_of_one_size(sizes: tuple[int, ...], known: bool):
    total = sum(sizes)
    parts = await cut(sizes, part_size=100, size=total if known else None)
    assert b"".join(parts) == CONTENT[:total]
    assert len(parts) == max(-(-total // 100), 1)
    assert all(len(part) == 100 for part in parts[:-1])


@pytest.mark.parametrize("promised", [0, 99, 100, 101, 999, 1001])
async def test_another_length_than_promised_is_told(promised: int):
    with pytest.raises(SizeMismatch):
        await cut((500, 500), part_size=100, size=promised)


async def test_more_parts_than_the_storage_takes_are_refused():
    with pytest.raises(StorageError):
        await cut((500, 501), part_size=100, size=None, parts_max=10)


async def test_a_buffer_is_used_again_once_nobody_reads_it():
    buffers = Buffers(2)
    first = await buffers.take(8)
    read_by_a_socket = memoryview(first)[2:4]
    buffers.give_back(memoryview(first)[:6])
    assert await buffers.take(8) is not first
    read_by_a_socket.release()
    buffers.give_back(memoryview(first)[:6])
    assert len(first) == 8
    assert await buffers.take(8) is first


async def test_there_are_never_more_buffers_than_allowed():
    buffers = Buffers(2)
    first, _ = await buffers.take(8), await buffers.take(8)
    third = asyncio.ensure_future(buffers.take(8))
    assert not (await asyncio.wait({third}, timeout=0.01))[0]
    buffers.give_back(memoryview(first))
    assert await third is first
