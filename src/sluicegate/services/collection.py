"""Collecting: finished files of the local providers move into a storage, then the job is ready.

Safe to run twice at any point: adopting a file that was adopted already is a success, and the transfer is released
only after the job's row says that it is ready.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import InternalError, Retry, StorageError, TransferMissing, TransferNotReady
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.local import LocalFile, LocalFiles
from sluicegate.core.ports import Clock, Providers, Storages, UnitOfWorkFactory
from sluicegate.core.sources import SourceKind
from sluicegate.core.trace import TraceEntry

__all__ = ["CollectionService"]

_STORAGE: Final = "local"
_RETRY: Final = 15.0
_NOT_READY_RETRY: Final = 1.0


class CollectionService:
    """Moves what the local providers fetched to where it is served from."""

    def __init__(self, transactions: UnitOfWorkFactory, providers: Providers, storages: Storages, clock: Clock) -> None:
        self._transactions = transactions
        self._providers = providers
        self._storages = storages
        self._clock = clock

    async def store(self, job_id: UUID) -> float | None:
        """Stores the files of one job and of every job that shares its transfer.

        Returns:
            None when done or nothing is left to do; else seconds after which to try again.
        """
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id)
            sharing = [
                other
                for other in await tx.jobs.in_flight(job.provider, None)
                if other.transfer_id == job.transfer_id and other.state is JobState.UPLOADING
            ]
        if job.state is not JobState.UPLOADING:
            if job.state is JobState.READY:
                await self._release(job)
            return None
        try:
            stored = await self._adopt_all(job)
        except TransferNotReady:
            return _NOT_READY_RETRY
        except TransferMissing:
            # The next sync sees that the transfer is gone and sends the job back to the cascade.
            return None
        except StorageError as error:
            await self._explain(sharing, error)
            return _RETRY if error.retry is Retry.LATER else 4 * _RETRY
        crash_point(CrashPoint.ADOPTED)
        for each in sharing:
            await self._finish(each, stored)
        crash_point(CrashPoint.FINISHED)
        await self._release(job)
        return None

    async def cleanup(self, job_id: UUID) -> None:
        """Drops the transfer of a cancelled job, unless another job still needs it."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id)
            others = await tx.jobs.in_flight(job.provider, None) if job.provider else []
        if not job.transfer_id or any(other.transfer_id == job.transfer_id for other in others):
            return
        async with self._providers.open(job.provider, None) as provider:
            await provider.remove(job.transfer_id)

    async def drop(self, provider: str, transfer_id: str) -> None:
        """Drops a transfer whose job is gone, unless another job still needs it."""
        async with self._transactions() as tx:
            others = await tx.jobs.in_flight(provider, None)
        if not any(other.transfer_id == transfer_id for other in others):
            async with self._providers.open(provider, None) as engine:
                await engine.remove(transfer_id)

    async def _adopt_all(self, job: Job) -> dict[int, tuple[str, LocalFile]]:
        storage = self._storages.get(_STORAGE)
        stored: dict[int, tuple[str, LocalFile]] = {}
        for file in await self._local(job).collect(job.transfer_id):
            key = _key(job, file)
            await storage.adopt(key, file.location, size=file.size)
            stored[file.index] = (key, file)
        return stored

    async def _finish(self, job: Job, stored: dict[int, tuple[str, LocalFile]]) -> None:
        async with self._transactions() as tx:
            current = await tx.jobs.get(job.id, lock=True)
            if current.state is not JobState.UPLOADING:
                return
            files = await tx.files.page(job.id)
            _same_files(files, stored)
            for file in files:
                key, local = stored[file.index]
                await tx.files.stored(file.id, storage=_STORAGE, key=key, size=local.size)
            check_move(current.state, JobState.READY)
            words = f"{len(files)} files are in the storage here."
            entry = TraceEntry(self._clock.now(), job.provider, "finished", "stored-here", words)
            await tx.traces.add(job.id, entry)
            size = sum(local.size for _, local in stored.values())
            await tx.jobs.update(
                replace(current, state=JobState.READY, progress=1.0, speed=None, waiting="", size=size)
            )

    async def _explain(self, jobs: Sequence[Job], error: StorageError) -> None:
        words = f"{error.detail} {error.action}"
        for job in jobs:
            async with self._transactions() as tx:
                current = await tx.jobs.get(job.id, lock=True)
                if not current.state.over and current.waiting != words:
                    await tx.jobs.update(replace(current, waiting=words))

    async def _release(self, job: Job) -> None:
        """Forgets the transfer, unless a job that joined meanwhile still counts on it."""
        async with self._transactions() as tx:
            others = await tx.jobs.in_flight(job.provider, None)
        if not any(other.transfer_id == job.transfer_id for other in others):
            await self._local(job).release(job.transfer_id)

    def _local(self, job: Job) -> LocalFiles:
        provider = self._providers.open(job.provider, None)
        if not isinstance(provider, LocalFiles):
            raise InternalError(f"{job.provider} keeps no files here.")
        return provider


def _key(job: Job, file: LocalFile) -> str:
    """Torrents by content, so that a hash is kept once; links by job, since a URL's content may change."""
    if job.source_kind is SourceKind.TORRENT:
        return f"torrents/{job.info_hash}/{file.path}"
    return f"links/{job.id}/{file.path}"


def _same_files(files: Sequence[JobFile], stored: dict[int, tuple[str, LocalFile]]) -> None:
    if {file.index for file in files} != set(stored):
        raise InternalError("The transfer's files are not those that were announced; it is read again.")
