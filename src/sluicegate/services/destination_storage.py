"""A user's bucket as a storage like any other: opened when it is needed, its uploads going on over a crash."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, Protocol
from uuid import UUID, uuid4

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.destinations import Destination, UploadRow
from sluicegate.core.errors import InvalidInput, ObjectMissing, SizeMismatch, StorageDenied, StorageError
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.storage import Opener, Storage, StoredObject, UploadLog, UploadState
from sluicegate.core.storage_keys import check_key

__all__ = ["DestinationStorage", "DurableLog", "Targets"]

_CLEANUP_SECONDS: Final = 30.0
_FILE_STEP: Final = 1024 * 1024


class Targets(Protocol):
    """Opens targets (``services.destinations``)."""

    async def open(self, destination_id: UUID) -> Storage:
        """The storage with its secret. Raises StorageDenied when the target was removed."""
        ...

    async def log(self, destination_id: UUID, key: str, size: int | None) -> UploadLog:
        """Where an upload's state is kept."""
        ...


class DurableLog:
    """An upload's state on a row of the database."""

    def __init__(
        self, transactions: UnitOfWorkFactory, clock: Clock, destination: Destination, key: str, size: int | None
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._destination = destination
        self._key = key
        self._size = size
        self._id = uuid4()

    async def load(self) -> UploadState | None:
        """The row's state."""
        async with self._transactions() as tx:
            row = await tx.uploads.find(self._destination.id, self._key)
        if row is None:
            return None
        if self._size is not None and row.size != self._size:
            # Begun with other bytes: without an id, its parts are looked for in the storage and dropped.
            return replace(row.state, upload_id="", parts=())
        return row.state

    async def save(self, state: UploadState | None) -> None:
        """Writes the row, or deletes it."""
        target = self._destination
        async with self._transactions() as tx:
            if state is None:
                await tx.uploads.remove(target.id, self._key)
            else:
                now = self._clock.now()
                row = UploadRow(self._id, target.user_id, target.id, self._key, self._size, state, now)
                await tx.uploads.save(row)
        if state is not None and state.parts:
            crash_point(CrashPoint.PART_SENT)


class DestinationStorage(Storage):
    """One target. Uploads keep their state in the database, whatever log a caller has.

    An upload of known size that broke off is gone on with by the next one to the same key; others begin again.
    """

    name: ClassVar[str] = "target"

    def __init__(self, destination_id: UUID, targets: Targets) -> None:
        self._id = destination_id
        self._targets = targets

    async def write(self, key: str, chunks: AsyncIterator[bytes], *, size: int | None) -> StoredObject:
        """See the port."""
        check_key(key)
        storage, log = await self._open(key, size)
        await storage.abandon(key, log)
        try:
            return await storage.send(key, lambda _: chunks, size=size, log=log)
        except BaseException:  # a cancelled upload leaves nothing either
            await _drop(storage, key, log)
            raise

    async def send(self, key: str, source: Opener, *, size: int | None, log: UploadLog) -> StoredObject:
        """See the port."""
        del log
        storage, durable = await self._open(key, size)
        if size is None:
            await storage.abandon(key, durable)
        return await storage.send(key, source, size=size, log=durable)

    async def abandon(self, key: str, log: UploadLog) -> None:
        """See the port."""
        del log
        storage, durable = await self._open(key, None)
        await storage.abandon(key, durable)

    async def adopt(self, key: str, path: Path, *, size: int) -> StoredObject:
        """See the port. The file stays until the storage has confirmed the object's size."""
        check_key(key)
        found = await asyncio.to_thread(_size_of, path)
        if found is None:
            return await self._adopted_before(key, size)
        if found != size:
            raise SizeMismatch(f"{size} bytes were promised, the file has {found}.")
        storage, log = await self._open(key, size)
        stored = await storage.send(key, lambda start: _chunks(path, start), size=size, log=log)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return stored

    async def stat(self, key: str) -> StoredObject:
        """See the port."""
        return await (await self._targets.open(self._id)).stat(key)

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """See the port."""
        storage = await self._targets.open(self._id)
        async for chunk in storage.read(key, start, stop):
            yield chunk

    async def delete(self, key: str) -> None:
        """See the port."""
        await (await self._targets.open(self._id)).delete(key)

    async def presign(self, key: str, *, expires_in: int) -> str | None:
        """See the port; None when the target was removed."""
        try:
            storage = await self._targets.open(self._id)
        except StorageDenied:
            return None
        return await storage.presign(key, expires_in=expires_in)

    async def aclose(self) -> None:
        """See the port: what was opened belongs to the service."""

    async def _open(self, key: str, size: int | None) -> tuple[Storage, UploadLog]:
        storage = await self._targets.open(self._id)
        return storage, await self._targets.log(self._id, key, size)

    async def _adopted_before(self, key: str, size: int) -> StoredObject:
        stored = await self.stat(key)
        if stored.size != size:
            raise ObjectMissing("The file to adopt is gone, and the storage holds another one under its key.")
        return stored


async def _drop(storage: Storage, key: str, log: UploadLog) -> None:
    """Removes what is left even while this task is being cancelled; the sweep does it when this cannot."""
    dropping = asyncio.ensure_future(storage.abandon(key, log))
    with contextlib.suppress(StorageError, TimeoutError, asyncio.CancelledError):  # see above
        async with asyncio.timeout(_CLEANUP_SECONDS):
            await asyncio.shield(dropping)
    if not dropping.done():
        dropping.cancel()


async def _chunks(path: Path, start: int) -> AsyncGenerator[bytes, None]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = await asyncio.to_thread(os.open, path, flags)
    try:
        while chunk := await asyncio.to_thread(os.pread, handle, _FILE_STEP, start):
            start += len(chunk)
            yield chunk
    finally:
        os.close(handle)


def _size_of(path: Path) -> int | None:
    """Bytes of the file, None when it is gone. Raises InvalidInput for anything that is no regular file."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise InvalidInput("Only a regular file can be adopted.", field="path")
    return path.stat().st_size if path.exists() else None
