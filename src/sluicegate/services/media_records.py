"""What a media job at work writes down on its row: what it holds, what it has learnt, its name, its end."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sluicegate.core.errors import AlreadyExists, InternalError
from sluicegate.core.media import FetchedMedia
from sluicegate.core.media_jobs import MediaJob, MediaResult, MediaState, MediaStep
from sluicegate.core.media_targets import LOCAL_STORAGE, MediaTargets
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.services.media_keys import media_keys
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.media_usage import reserve

__all__ = ["MediaRecords"]


class MediaRecords:
    """Every method is one transaction, and may run twice."""

    def __init__(
        self, transactions: UnitOfWorkFactory, targets: MediaTargets, settling: MediaSettling, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._targets = targets
        self._settling = settling
        self._clock = clock

    async def reserve(self, job_id: UUID, size: int) -> None:
        """Holds ``size`` bytes of the user's quota. Raises StorageQuotaExceeded."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            await tx.media_jobs.update(await reserve(tx, job, size))

    async def claim_key(
        self, job: MediaJob, title: str | None, extension: str, *, version: str | None = None, size: int | None = None
    ) -> str:
        """Gives the job's file a name that no other job's file has, or the one it has already.

        Args:
            job: which.
            title: its name, unless the job was given one.
            extension: without the dot.
            version: of the file; it is noted with a new name.
            size: bytes of the user's quota to hold in the same transaction.

        Raises:
            StorageQuotaExceeded: there is no room for ``size``.
        """
        if job.stored_key is not None:
            if size:
                await self.reserve(job.id, size)
            return job.stored_key
        storage = job.storage or LOCAL_STORAGE
        for key in media_keys(job, title, extension, await self._targets.prefix(storage)):
            try:
                async with self._transactions() as tx:
                    found = await tx.media_jobs.get(job.id, lock=True)
                    found = await reserve(tx, found, size) if size else found
                    result = replace(found.result, source_version=version or found.result.source_version)
                    await tx.media_jobs.update(replace(found, storage=storage, stored_key=key, result=result))
                    return key
            except AlreadyExists:
                continue
        raise InternalError("No free name was found for the file.")

    async def note_version(self, job_id: UUID, version: str | None) -> None:
        """Keeps which version of a plain file is being stored."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            await tx.media_jobs.update(replace(job, result=replace(job.result, source_version=version)))

    async def learnt(self, job_id: UUID, fetched: FetchedMedia) -> None:
        """Keeps what the page has told, and how long it took."""
        facts = fetched.facts
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            result = replace(
                job.result,
                title=facts.title or job.result.title,
                description=facts.description,
                release_date=facts.release_date,
                download_bytes=fetched.size,
                download_duration_ms=fetched.download_ms,
                metadata_duration_ms=fetched.extract_ms,
                subtitle_duration_ms=fetched.subtitle_ms,
                download_strategy=fetched.strategy,
                download_retries=job.result.download_retries + fetched.retries,
            )
            await tx.media_jobs.update(replace(job, result=result))

    async def note(self, job_id: UUID, **measured: int) -> None:
        """Keeps a measured duration; of several runs of a step, all of them count."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            summed: dict[str, Any] = {
                name: (getattr(job.result, name) or 0) + value for name, value in measured.items()
            }
            await tx.media_jobs.update(replace(job, result=replace(job.result, **summed)))

    async def complete(
        self,
        job_id: UUID,
        *,
        subtitle_key: str | None = None,
        thumbnail_key: str | None = None,
        **measured: str | int | None,
    ) -> None:
        """Ends the job well, with its measured figures."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            total = round((self._clock.now() - (job.started_at or job.created_at)).total_seconds() * 1000)
            result: MediaResult = replace(job.result, total_duration_ms=max(total, 0), **measured)  # type: ignore[arg-type]  # fields of the result by name
            done = replace(
                job,
                step=MediaStep.FINISHED,
                progress=1.0,
                result=result,
                bytes_done=result.file_size or 0,
                bytes_total=result.file_size,
                subtitle_key=subtitle_key,
                thumbnail_key=thumbnail_key,
            )
            await self._settling.end(tx, done, MediaState.COMPLETED)
