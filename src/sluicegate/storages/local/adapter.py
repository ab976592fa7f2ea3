"""The storage port over a folder: temporaries beside the objects, fsync, then one atomic rename."""

import asyncio
import contextlib
import errno
import hashlib
import os
import stat as modes
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from sluicegate.core.errors import (
    InvalidInput,
    ObjectMissing,
    SizeMismatch,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from sluicegate.core.storage import Storage, StoredObject
from sluicegate.core.storage_keys import check_key
from sluicegate.services.adoption import is_adoptable
from sluicegate.storages.local.partial import Partial, sweep
from sluicegate.storages.local.reader import READ_FLAGS, Reader
from sluicegate.storages.local.tree import create_folder, open_folder, prune, sync

__all__ = ["INCOMING", "LocalStorage", "storage_error"]

INCOMING: Final = ".incoming"
"""Folder of the temporaries, on the same file system as the objects; no key may start with it."""

_BATCH: Final = 1024 * 1024
"""Bytes gathered before a thread writes them, and bytes in one read: hops between threads cost more than copies."""

_THREADS: Final = 8
_RENAME_TRIES: Final = 50
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENOTDIR, errno.EISDIR})
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR})
_R = TypeVar("_R")


class LocalStorage(Storage):
    """Objects as files below ``root``, which is made when it is missing.

    Several processes may use one folder. Making this object blocks shortly: it sweeps temporaries that a killed
    process left behind.
    """

    name: ClassVar[str] = "local"

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._incoming = self._root / INCOMING
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(self._incoming)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="storage")

    async def write(self, key: str, chunks: AsyncIterator[bytes], *, size: int | None) -> StoredObject:
        """See the port."""
        names = _names(key)
        partial = Partial(self._incoming)
        try:
            await self._in_thread(partial.open)
            await self._fill(partial, chunks, size)
            return await self._in_thread(self._commit, partial, key, names)
        finally:
            await self._in_thread(partial.close)

    async def adopt(self, key: str, path: Path, *, size: int) -> StoredObject:
        """See the port."""
        names = _names(key)
        if not await self._in_thread(_is_safe_to_adopt, path, size):
            return await self._adopted_before(key, size)
        try:
            await self._in_thread(self._rename, path, names)
        except _OtherDevice:
            await self._adopt_by_copy(key, path, size)
        return await self.stat(key)

    async def stat(self, key: str) -> StoredObject:
        """See the port."""
        names = _names(key)
        with _absent_is_missing():
            return await self._in_thread(self._stat, key, names)

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """See the port."""
        names = _names(key)
        if start < 0:
            raise InvalidInput("A read starts at byte 0 or later.", field="start")
        reader = Reader(lambda: self._open(names))
        try:
            with _absent_is_missing():
                await self._in_thread(reader.open)
            while stop is None or start < stop:
                wanted = _BATCH if stop is None else min(_BATCH, stop - start)
                chunk = await self._in_thread(reader.read, wanted, start)
                if not chunk:
                    return
                start += len(chunk)
                yield chunk
        finally:
            reader.close()

    async def delete(self, key: str) -> None:
        """See the port."""
        await self._in_thread(self._unlink, _names(key))

    def local_path(self, key: str) -> Path | None:
        """See the port; None as well when a symbolic link lies on the way, which is never followed."""
        path = self._root
        for name in _names(key):
            path = path / name
            if path.is_symlink():
                return None
        return path

    async def aclose(self) -> None:
        """See the port."""
        self._threads.shutdown(wait=False)

    async def _in_thread(self, call: Callable[..., _R], *arguments: object) -> _R:
        """Runs blocking file work; when cancelled it still waits for the call, which may be using a handle of ours."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            if not future.cancelled():
                future.exception()  # somebody looks at it, so that nobody warns about it
            raise
        except OSError as error:
            raise storage_error(error) from error

    async def _fill(self, partial: Partial, chunks: AsyncIterator[bytes], size: int | None) -> None:
        batch: list[bytes] = []
        arrived = gathered = 0
        async for chunk in chunks:
            arrived += len(chunk)
            gathered += len(chunk)
            if size is not None and arrived > size:
                raise SizeMismatch(f"{size} bytes were promised, more arrived.")
            batch.append(chunk)
            if gathered >= _BATCH:
                await self._in_thread(partial.append, batch)
                batch, gathered = [], 0
        if size is not None and arrived != size:
            raise SizeMismatch(f"{size} bytes were promised, {arrived} arrived.")
        await self._in_thread(partial.append, batch)

    def _commit(self, partial: Partial, key: str, names: Sequence[str]) -> StoredObject:
        # Facts of this very file: after the rename another writer may already have replaced it.
        facts = _facts(key, partial.sync())
        self._rename(partial.path, names)
        return facts

    def _rename(self, path: Path, names: Sequence[str]) -> None:
        """Moves ``path`` to its place in one step. Raises _OtherDevice; OSError."""
        for _ in range(_RENAME_TRIES):
            try:
                self._rename_once(path, names)
            except FileNotFoundError:
                # A delete beside us has pruned the folder that was empty until now.
                if not path.exists():
                    raise
            else:
                return
        raise OSError(errno.EBUSY, "the folder keeps vanishing")

    def _rename_once(self, path: Path, names: Sequence[str]) -> None:
        *folders, name = names
        create_folder(self._root, folders)
        with open_folder(self._root, folders) as folder:
            try:
                os.rename(path, name, dst_dir_fd=folder)
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise _OtherDevice from error
                raise
            os.fsync(folder)

    async def _adopt_by_copy(self, key: str, path: Path, size: int) -> None:
        """For a file on another device: copy, read both copies again, and only then delete."""
        await self.write(key, self._chunks_of(path), size=size)
        if await _digest(self._chunks_of(path)) != await _digest(self.read(key)):
            await self.delete(key)
            raise SizeMismatch("The copy differs from its original.")
        await self._in_thread(path.unlink)

    async def _chunks_of(self, path: Path) -> AsyncIterator[bytes]:
        reader = Reader(lambda: os.open(path, READ_FLAGS))
        try:
            await self._in_thread(reader.open)
            offset = 0
            while chunk := await self._in_thread(reader.read, _BATCH, offset):
                offset += len(chunk)
                yield chunk
        finally:
            reader.close()

    async def _adopted_before(self, key: str, size: int) -> StoredObject:
        facts = await self.stat(key)
        if facts.size != size:
            raise ObjectMissing("The file to adopt is gone, and the storage holds another one under its key.")
        return facts

    def _stat(self, key: str, names: Sequence[str]) -> StoredObject:
        with open_folder(self._root, names[:-1]) as folder:
            return _facts(key, os.stat(names[-1], dir_fd=folder, follow_symlinks=False))

    def _open(self, names: Sequence[str]) -> int:
        with open_folder(self._root, names[:-1]) as folder:
            return os.open(names[-1], READ_FLAGS, dir_fd=folder)

    def _unlink(self, names: Sequence[str]) -> None:
        try:
            with open_folder(self._root, names[:-1]) as folder:
                os.unlink(names[-1], dir_fd=folder)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            return
        prune(self._root, names[:-1])


class _OtherDevice(Exception):
    """A rename would cross file systems."""


def storage_error(error: OSError) -> StorageError | InvalidInput:
    """What an error of the operating system means for whoever wanted to store something."""
    if error.errno in _NO_SPACE:
        return StorageFull("There is no space left in the storage folder.")
    if error.errno in _DENIED:
        return StorageDenied("The storage folder does not allow this; something else may be in the object's place.")
    return StorageUnavailable(
        f"The storage folder cannot be used now ({errno.errorcode.get(error.errno or 0, 'I/O')})."
    )


@contextlib.contextmanager
def _absent_is_missing() -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _ABSENT:
            raise ObjectMissing from error.__cause__
        raise


def _names(key: str) -> tuple[str, ...]:
    names = check_key(key)
    if names[0] == INCOMING:
        raise InvalidInput(f"No storage key starts with '{INCOMING}'.", field="key")
    return names


def _facts(key: str, found: os.stat_result) -> StoredObject:
    """Raises ObjectMissing for anything but a regular file."""
    if not modes.S_ISREG(found.st_mode):
        raise ObjectMissing
    etag = f"{found.st_size:x}-{found.st_mtime_ns:x}-{found.st_ino:x}"
    return StoredObject(key, found.st_size, etag, datetime.fromtimestamp(found.st_mtime, UTC))


def _is_safe_to_adopt(path: Path, size: int) -> bool:
    """As ``is_adoptable``; afterwards its bytes are on disk. Raises OSError."""
    there = is_adoptable(path, size)
    if there:
        sync(path)
    return there


async def _digest(chunks: AsyncIterator[bytes]) -> bytes:
    digest = hashlib.blake2b()
    async for chunk in chunks:
        digest.update(chunk)
    return digest.digest()
