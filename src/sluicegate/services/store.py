"""Delivering finished files of the library to users' own buckets."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Final, Protocol
from uuid import UUID, uuid4

from sluicegate.core.byte_source import ByteSource
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.destinations import Destination, StoreJob, StoreState, storage_name
from sluicegate.core.errors import (
    NotReady,
    ObjectMissing,
    Retry,
    SizeMismatch,
    SluicegateError,
    StorageDenied,
    StorageError,
)
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.names import safe_segment
from sluicegate.core.ports import Clock, Storages, Task, UnitOfWorkFactory
from sluicegate.core.storage import Storage, StoredObject, VolatileLog
from sluicegate.services.task_kinds import DELIVER

__all__ = ["FileOpener", "StoreService", "stream_to_storage"]

_ATTEMPTS_MAX: Final = 6
_PAUSES: Final = (5.0, 30.0, 120.0, 600.0, 1800.0)
_NAMES_MAX: Final = 50
_PAGE: Final = 500
_WRITE_SECONDS: Final = 1.0


class FileOpener(Protocol):
    """Opens a file of a library job (``services.playback``)."""

    async def open(self, user_id: UUID, job_kind: str, job_id: UUID, file_id: str) -> ByteSource:
        """The bytes, if this user may read them. Raises core errors."""
        ...


async def stream_to_storage(
    source: ByteSource, storage: Storage, key: str, *, sent: Callable[[int], None] = lambda _: None
) -> StoredObject:
    """Sends a source to a storage without touching the disk; an upload that broke off is gone on with.

    Args:
        source: of known or unknown size.
        storage: as ``core.ports.Storages`` gives it; a user's bucket keeps the upload's state by itself.
        key: where.
        sent: told how far the source has been read, in bytes from its start.

    Raises:
        SizeMismatch: the source has fewer or more bytes than it says.
        StorageError, UpstreamError: the storage or the source failed; what arrived stays for the next attempt.
    """

    async def read(start: int) -> AsyncGenerator[bytes, None]:
        position = start
        chunks = source.open(start, source.size)
        async with contextlib.AsyncExitStack() as stack:
            if isinstance(chunks, AsyncGenerator):
                await stack.enter_async_context(aclosing(chunks))
            async for chunk in chunks:
                position += len(chunk)
                sent(position)
                yield chunk

    return await storage.send(key, read, size=source.size, log=VolatileLog())


class StoreService:
    """A user's deliveries: asked for, carried out, looked at."""

    def __init__(self, transactions: UnitOfWorkFactory, storages: Storages, files: FileOpener, clock: Clock) -> None:
        self._transactions = transactions
        self._storages = storages
        self._files = files
        self._clock = clock

    async def request(
        self, user_id: UUID, job_id: UUID, file_id: UUID, target: Destination, *, folder: str | None = None
    ) -> StoreJob:
        """Accepts a delivery; the one that is under way or done for this file and target is answered as it is.

        ``folder`` stands in for the target's top-level folder.

        Raises:
            NotFound: unknown or foreign job or file.
            NotReady: the job is not ready.
        """
        now = self._clock.now()
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id)
            if job.state is not JobState.READY:
                raise NotReady(f"The job is {job.state}, not ready. {job.waiting or job.error}".rstrip())
            file = await tx.files.get(job_id, file_id)
            count = len(await tx.files.page(job_id))
            key = _key(target, folder, job, file, alone=count == 1)
            made = StoreJob(uuid4(), user_id, job_id, file_id, target.id, key, StoreState.PENDING, now, now)
            found = await tx.store_jobs.add(made)
            if not found.state.over:
                await tx.tasks.add(Task(DELIVER, str(found.id), again=False))
            return found

    async def get(self, user_id: UUID, store_id: UUID) -> StoreJob:
        """Raises NotFound, also for a foreign one."""
        async with self._transactions() as tx:
            return await tx.store_jobs.get(store_id, user_id=user_id)

    async def page(self, user_id: UUID, job_id: UUID, *, limit: int, offset: int) -> list[StoreJob]:
        """Deliveries of one own job, newest first. Raises NotFound."""
        async with self._transactions() as tx:
            await tx.jobs.get(job_id, user_id=user_id)
            return await tx.store_jobs.page(user_id, job_id, limit=limit, offset=offset)

    async def link(self, store: StoreJob, *, expires_in: int) -> str | None:
        """A freshly signed URL of a delivered file in its bucket."""
        if store.state is not StoreState.DONE:
            return None
        return await self._storages.get(storage_name(store.destination_id)).presign(store.key, expires_in=expires_in)

    async def run(self, store_id: UUID) -> float | None:
        """Carries one delivery out, or goes on with it.

        Returns:
            None when it is over; else seconds after which to try again.
        """
        async with self._transactions() as tx:
            store = await tx.store_jobs.get(store_id)
        if store.state.over:
            return None
        storage = self._storages.get(storage_name(store.destination_id))
        try:
            stored = await self._deliver(store, storage)
        except SluicegateError as error:
            return await self._failed(store_id, storage, error)
        crash_point(CrashPoint.DELIVERED)
        now = self._clock.now()
        await self._write(
            store_id,
            lambda one: replace(
                one, state=StoreState.DONE, size=stored.size, sent=stored.size, finished_at=now, error=None,
                error_code=None,
            ),
        )  # fmt: skip
        return None

    async def sweep(self) -> int:
        """Adds the task that an unfinished delivery needs; returns how many had to be added."""
        added = 0
        after: UUID | None = None
        while True:
            async with self._transactions() as tx:
                found = await tx.store_jobs.unfinished(limit=_PAGE, after=after)
                added += sum([await tx.tasks.add(Task(DELIVER, str(one.id), again=False)) for one in found])
            if len(found) < _PAGE:
                return added
            after = found[-1].id

    async def _deliver(self, store: StoreJob, storage: Storage) -> StoredObject:
        source = await self._files.open(store.user_id, "job", store.job_id, str(store.file_id))
        if store.state is StoreState.UPLOADING and (whole := await self._whole_already(store, storage, source)):
            return whole
        if store.state is StoreState.PENDING:
            store = await self._claim(store, storage, source.size)
        else:
            await self._write(store.id, lambda one: replace(one, attempts=one.attempts + 1))
        position = 0

        def sent(count: int) -> None:
            nonlocal position
            position = count

        async with self._noting(store.id, lambda: position):
            stored = await stream_to_storage(source, storage, store.key, sent=sent)
        if source.size is not None and stored.size != source.size:
            raise SizeMismatch(f"{source.size} bytes were promised, the storage has {stored.size}.")
        return stored

    async def _whole_already(self, store: StoreJob, storage: Storage, source: ByteSource) -> StoredObject | None:
        """The object, when an earlier run died between the storage's word and ours."""
        if source.size is None:
            return None
        async with self._transactions() as tx:
            if await tx.uploads.find(store.destination_id, store.key) is not None:
                return None
        try:
            found = await storage.stat(store.key)
        except ObjectMissing:
            return None
        return found if found.size == source.size else None

    async def _claim(self, store: StoreJob, storage: Storage, size: int | None) -> StoreJob:
        """Settles the key before the first byte goes out: an object that is there already is never replaced."""
        key = store.key
        for number in range(2, _NAMES_MAX):
            if await _is_free(storage, key):
                break
            key = _numbered(store.key, number)
        return await self._write(
            store.id,
            lambda one: replace(one, key=key, state=StoreState.UPLOADING, size=size, attempts=one.attempts + 1),
        )

    @asynccontextmanager
    async def _noting(self, store_id: UUID, position: Callable[[], int]) -> AsyncIterator[None]:
        """Writes how far the upload is, once a second."""

        async def note() -> None:
            written = 0
            while True:
                await asyncio.sleep(_WRITE_SECONDS)
                if (now := position()) != written:
                    written = now
                    await self._write(store_id, lambda one: replace(one, sent=now))

        writer = asyncio.create_task(note())
        try:
            yield
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _failed(self, store_id: UUID, storage: Storage, error: SluicegateError) -> float | None:
        again = error.retry is Retry.LATER
        words = f"{error.detail} {error.action}"

        def note(one: StoreJob) -> StoreJob:
            ends = not again or one.attempts >= _ATTEMPTS_MAX
            return replace(
                one,
                attempts=max(one.attempts, 1) if one.state is not StoreState.PENDING else one.attempts + 1,
                state=StoreState.FAILED if ends else one.state,
                finished_at=self._clock.now() if ends else None,
                error=words,
                error_code=error.code,
            )

        store = await self._write(store_id, note)
        if store.state is StoreState.FAILED:
            with contextlib.suppress(StorageError):  # the sweep tries again
                await storage.abandon(store.key, VolatileLog())
            return None
        return error.retry_after or _PAUSES[min(store.attempts, len(_PAUSES)) - 1]

    async def _write(self, store_id: UUID, change: Callable[[StoreJob], StoreJob]) -> StoreJob:
        async with self._transactions() as tx:
            store = replace(change(await tx.store_jobs.get(store_id)), updated_at=self._clock.now())
            await tx.store_jobs.update(store)
            return store


async def _is_free(storage: Storage, key: str) -> bool:
    try:
        await storage.stat(key)
    except ObjectMissing:
        return True
    except StorageDenied as error:
        # Without the permission to list, S3 says "denied" where it means "there is none".
        if error.reason in {"AccessDenied", "403"}:
            return True
        raise
    return False


def _key(target: Destination, folder: str | None, job: Job, file: JobFile, *, alone: bool) -> str:
    """``{folder_prefix}{base_folder}/{job}/{path in it}``; a single file lies in the folder itself."""
    names = [safe_segment(part, fallback="file") for part in file.path.split("/") if part]
    inside = names[-1:] if alone else [safe_segment(job.name, fallback=str(job.id)), *names]
    top = (target.place.base_folder if folder is None else folder).strip("/")
    return target.place.folder_prefix + "/".join([*([top] if top else []), *inside])


def _numbered(key: str, number: int) -> str:
    head, slash, name = key.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return f"{head}{slash}{stem} ({number}){dot}{suffix}" if stem else f"{key} ({number})"
