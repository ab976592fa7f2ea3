"""One upload: small objects in one request, large ones in parts, going on where an earlier attempt broke off."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sluicegate.core.errors import ObjectMissing, SizeMismatch
from sluicegate.core.ports import Clock
from sluicegate.core.storage import Opener, StoredObject, UploadedPart, UploadLog, UploadState
from sluicegate.storages.object_store.bucket import Bucket, UploadGone
from sluicegate.storages.object_store.parts import Buffers, Piece, part_size_for, pieces

__all__ = ["Upload"]

_SAVE_SECONDS: Final = 1.0
"""At most this much work is done twice after a crash."""
_CLOCK_SKEW: Final = timedelta(minutes=15)
"""More than this, and no cloud accepts our signatures."""


class Upload:
    """Sends one source to one key.

    Args:
        size: bytes in all, None when unknown.
        log: outlives this process, or not.
    """

    def __init__(self, bucket: Bucket, key: str, *, size: int | None, log: UploadLog, clock: Clock) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._log = log
        self._clock = clock
        self._saved_at = 0.0
        self._buffers = Buffers(max(bucket.parts_at_once, 2))
        self._state: UploadState | None = None

    async def run(self, source: Opener) -> StoredObject:
        """Sends everything that is not there yet; the object's facts."""
        state = await self._log.load()
        if state is not None:
            found = await self._go_on(source, state)
            if found is not None:
                return found
        return await self._from_start(source)

    async def drop(self) -> None:
        """Removes the left-overs of an unfinished upload."""
        state = await self._log.load()
        if state is None:
            return
        # A crash between the storage's answer and our note leaves an upload whose id only the storage knows.
        known = [state.upload_id] if state.upload_id else await self._bucket.unfinished(self._key)
        for upload_id in known:
            await self._bucket.abort(self._key, upload_id)
        await self._log.save(None)

    async def _go_on(self, source: Opener, state: UploadState) -> StoredObject | None:
        """The object, when the old upload could be finished or had been; else None, and nothing of it is left."""
        if not state.upload_id:
            await self.drop()
            return None
        try:
            done = await self._bucket.confirmed(self._key, state)
            return await self._send(source, replace(state, parts=done))
        except UploadGone:
            found = await self._completed_before(state)
            await self._log.save(None)
            return found

    async def _completed_before(self, state: UploadState) -> StoredObject | None:
        """The object, when the crash came after the storage had made it whole and before we could note that."""
        try:
            found = await self._bucket.head(self._key)
        except ObjectMissing:
            return None
        sent = sum(part.size for part in state.parts)
        whole = found.size == self._size if self._size is not None else found.size >= sent
        return found if whole and found.modified_at >= state.begun_at - _CLOCK_SKEW else None

    async def _from_start(self, source: Opener) -> StoredObject:
        part_size = part_size_for(self._size, self._bucket.parts_max, self._bucket.part_size)
        async with aclosing(self._pieces(source(0), part_size, 0)) as cut:
            first = await anext(cut)
            if first.last:
                await self._bucket.put(self._key, bytes(first.body))
                return await self._check(len(first.body))
            state = UploadState(self._clock.now(), part_size)
            await self._log.save(state)
            state = replace(state, upload_id=await self._bucket.begin(self._key))
            await self._log.save(state)
            return await self._send_pieces(_before(first, cut), state, 0)

    async def _send(self, source: Opener, state: UploadState) -> StoredObject:
        offset = sum(part.size for part in state.parts)
        if self._bucket.parts_at_once == 1:
            # One hash over the whole is all that this storage can be checked with, so all of it is read again.
            async with aclosing(self._pieces(source(0), state.part_size, 0)) as cut:
                return await self._send_pieces(cut, state, offset)
        if offset and (offset == self._size or state.parts[-1].size < state.part_size):
            return await self._complete(state, offset, None)
        async with aclosing(self._pieces(source(offset), state.part_size, offset)) as cut:
            return await self._send_pieces(cut, state, offset)

    async def _send_pieces(self, cut: AsyncIterator[Piece], state: UploadState, offset: int) -> StoredObject:
        self._state = state
        total, digest = offset, hashlib.md5(usedforsecurity=False)
        ordered = self._bucket.parts_at_once == 1
        room = asyncio.Semaphore(self._bucket.parts_at_once)
        try:
            async with asyncio.TaskGroup() as group:
                async for piece in cut:
                    if ordered:
                        await asyncio.to_thread(digest.update, piece.body)
                    total = piece.offset + len(piece.body)
                    if total <= offset and not (ordered and piece.last):
                        self._buffers.give_back(piece.body)
                        continue
                    await room.acquire()
                    group.create_task(self._send_part(piece, room))
        except BaseExceptionGroup as errors:  # a task group wraps even being cancelled
            await self._save()
            raise _first(errors) from None
        await self._save()
        return await self._complete(self._state, total, digest.digest() if ordered else None)

    async def _complete(self, state: UploadState, total: int, digest: bytes | None) -> StoredObject:
        await self._bucket.complete(self._key, state.upload_id, state.parts, digest=digest)
        found = await self._check(total)
        await self._log.save(None)
        return found

    async def _send_part(self, piece: Piece, room: asyncio.Semaphore) -> None:
        state = self._state
        assert state is not None  # noqa: S101 - set before any part is sent
        try:
            etag = await self._bucket.part(
                self._key, state.upload_id, piece.number, piece.offset, piece.body, last=piece.last
            )
        finally:
            room.release()
        assert self._state is not None  # noqa: S101 - set before any part is sent
        part = UploadedPart(piece.number, len(piece.body), etag)
        self._buffers.give_back(piece.body)
        self._state = replace(self._state, parts=(*self._state.parts, part))
        now = asyncio.get_running_loop().time()
        if now - self._saved_at >= _SAVE_SECONDS:
            self._saved_at = now
            await self._save()

    async def _save(self) -> None:
        if self._state is not None:
            self._state = replace(self._state, parts=tuple(sorted(self._state.parts, key=lambda one: one.number)))
            await self._log.save(self._state)

    async def _check(self, size: int) -> StoredObject:
        found = await self._bucket.head(self._key)
        if found.size != size:
            await self._bucket.delete(self._key)
            raise SizeMismatch(f"{size} bytes were sent, the storage has {found.size}; they were deleted.")
        return found

    def _pieces(self, chunks: AsyncIterator[bytes], part_size: int, offset: int) -> AsyncGenerator[Piece, None]:
        bounds = {"part_size": part_size, "offset": offset, "parts_max": self._bucket.parts_max}
        return pieces(chunks, self._buffers, size=self._size, **bounds)


async def _before(first: Piece, rest: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    yield first
    async for piece in rest:
        yield piece


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the upload: the others are what came of it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
