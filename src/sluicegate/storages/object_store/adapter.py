"""The storage port over a bucket of any cloud."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar, Final

from sluicegate.core.errors import InvalidInput, ObjectMissing, StorageError
from sluicegate.core.ports import Clock
from sluicegate.core.storage import Opener, Storage, StoredObject, UploadLog, VolatileLog
from sluicegate.core.storage_keys import check_key
from sluicegate.services.adoption import is_adoptable
from sluicegate.storages.object_store.bucket import Bucket
from sluicegate.storages.object_store.upload import Upload

__all__ = ["ObjectStorage"]

_CLEANUP_SECONDS: Final = 30.0
_FILE_STEP: Final = 1024 * 1024


class ObjectStorage(Storage):
    """Objects in one bucket. The HTTP client behind it is shared and closed by its owner."""

    name: ClassVar[str] = "object_store"

    def __init__(self, bucket: Bucket, clock: Clock) -> None:
        self._bucket = bucket
        self._clock = clock

    async def write(self, key: str, chunks: AsyncIterator[bytes], *, size: int | None) -> StoredObject:
        """See the port. What a failure leaves is removed at once: nothing could go on with it."""
        check_key(key)
        upload = self._upload(key, size, VolatileLog())
        try:
            return await upload.run(lambda _: chunks)
        except BaseException:  # a cancelled write leaves nothing either
            await _finish(upload)
            raise

    async def send(self, key: str, source: Opener, *, size: int | None, log: UploadLog) -> StoredObject:
        """See the port."""
        check_key(key)
        return await self._upload(key, size, log).run(source)

    async def abandon(self, key: str, log: UploadLog) -> None:
        """See the port."""
        check_key(key)
        await self._upload(key, None, log).drop()

    async def adopt(self, key: str, path: Path, *, size: int) -> StoredObject:
        """See the port."""
        check_key(key)
        if not await asyncio.to_thread(is_adoptable, path, size):
            return await self._adopted_before(key, size)
        stored = await self.write(key, file_chunks(path), size=size)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return stored

    async def stat(self, key: str) -> StoredObject:
        """See the port."""
        check_key(key)
        return await self._bucket.head(key)

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """See the port."""
        check_key(key)
        if start < 0:
            raise InvalidInput("A read starts at byte 0 or later.", field="start")
        if stop is not None and stop <= start:
            await self._bucket.head(key)
            return
        async for chunk in self._bucket.read(key, start, stop):
            yield chunk

    async def delete(self, key: str) -> None:
        """See the port."""
        check_key(key)
        await self._bucket.delete(key)

    async def presign(self, key: str, *, expires_in: int) -> str | None:
        """See the port."""
        check_key(key)
        return await self._bucket.link(key, expires_in)

    def local_path(self, key: str) -> Path | None:
        """See the port."""
        check_key(key)
        return None

    async def aclose(self) -> None:
        """See the port: nothing is held."""

    def _upload(self, key: str, size: int | None, log: UploadLog) -> Upload:
        return Upload(self._bucket, key, size=size, log=log, clock=self._clock)

    async def _adopted_before(self, key: str, size: int) -> StoredObject:
        found = await self.stat(key)
        if found.size != size:
            raise ObjectMissing("The file to adopt is gone, and the storage holds another one under its key.")
        return found


async def file_chunks(path: Path, start: int = 0) -> AsyncIterator[bytes]:
    """The bytes of a regular file from ``start`` on. Raises InvalidInput for anything that is no regular file."""
    handle = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        while chunk := await asyncio.to_thread(os.pread, handle, _FILE_STEP, start):
            start += len(chunk)
            yield chunk
    finally:
        os.close(handle)


async def _finish(upload: Upload) -> None:
    """Drops an upload even while this task is being cancelled; what cannot be dropped is the storage's to expire."""
    dropping = asyncio.ensure_future(upload.drop())
    with contextlib.suppress(StorageError, TimeoutError, asyncio.CancelledError):  # see above
        async with asyncio.timeout(_CLEANUP_SECONDS):
            await asyncio.shield(dropping)
    if not dropping.done():
        dropping.cancel()
