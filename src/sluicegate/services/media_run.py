"""Running a media job: fetch, shape, store; each step may run twice and goes on where an earlier run left off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import (
    AlreadyExists,
    InternalError,
    MediaProtected,
    MediaRestricted,
    NoMedia,
    NotReady,
    Retry,
    SluicegateError,
)
from sluicegate.core.media import FetchedMedia, MediaProgress, MediaWorkshop, ShapedMedia
from sluicegate.core.media_jobs import MediaJob, MediaResult, MediaState, MediaStep, check_media_move
from sluicegate.core.ports import Clock, Storages, UnitOfWorkFactory
from sluicegate.services.media_keys import media_keys

__all__ = ["MediaRunService"]

_STORAGE: Final = "local"
_ATTEMPTS_MAX: Final = 4
_PAGE: Final = 500
_RETRY_DELAYS: Final = (3.0, 15.0, 60.0)
_WRITE_EVERY: Final = 1.0
_SHARE: Final = {MediaStep.DOWNLOADING: (0.0, 0.7), MediaStep.MUXING: (0.7, 0.95), MediaStep.UPLOADING: (0.95, 1.0)}
"""How much of the bar each step takes; a convention for people, not a measurement."""

_ENDS: Final[dict[type[SluicegateError], MediaState]] = {
    MediaRestricted: MediaState.WARNING,
    MediaProtected: MediaState.SKIPPED,
    NoMedia: MediaState.SKIPPED,
}


@dataclass(slots=True)
class _Meter:
    """The newest progress of the running step; the writer looks at it once a second."""

    step: MediaStep
    fraction: float = 0.0

    def note(self, progress: MediaProgress) -> None:
        """Called by the workshop."""
        if progress.fraction is not None:
            self.fraction = max(self.fraction, min(progress.fraction, 1.0))

    @property
    def overall(self) -> float:
        """0.0 to 1.0 over all steps."""
        start, stop = _SHARE[self.step]
        return start + (stop - start) * self.fraction


class MediaRunService:
    """Executes media jobs in a worker."""

    def __init__(
        self, transactions: UnitOfWorkFactory, workshop: MediaWorkshop, storages: Storages, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._workshop = workshop
        self._storages = storages
        self._clock = clock

    async def run(self, job_id: UUID) -> float | None:
        """Runs one job to its end, or as far as it goes.

        Returns:
            None when it is over; else seconds after which to go on.
        """
        job = await self._begin(job_id)
        if job is None:
            await self._workshop.discard(job_id)
            return None
        try:
            await self._work(job, self._workshop.folder(job_id))
        except NotReady as error:
            return await self._wait(job_id, error)
        except SluicegateError as error:
            return await self._failed(job_id, error)
        await self._workshop.discard(job_id)
        return None

    async def tidy(self) -> int:
        """Deletes the work folders of jobs that are over, left behind by a crash; returns how many."""
        keep: set[UUID] = set()
        after: UUID | None = None
        while True:
            async with self._transactions() as tx:
                jobs = await tx.media_jobs.unfinished(limit=_PAGE, after=after)
            keep.update(job.id for job in jobs)
            if len(jobs) < _PAGE:
                return await self._workshop.sweep(keep)
            after = jobs[-1].id

    async def exhausted(self, job_id: UUID, words: str) -> None:
        """Ends a job whose task failed for reasons of our own time after time."""
        await self._end(job_id, MediaState.FAILED, InternalError(words))

    async def _begin(self, job_id: UUID) -> MediaJob | None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            if job.state.over:
                return None
            check_media_move(job.state, MediaState.PROCESSING)
            now = self._clock.now()
            begun = replace(
                job,
                state=MediaState.PROCESSING,
                step=MediaStep.DOWNLOADING if job.step is MediaStep.QUEUED else job.step,
                started_at=job.started_at or now,
                attempts=job.attempts + 1,
                result=replace(job.result, queue_wait_ms=job.result.queue_wait_ms or _ms(job.created_at, now)),
            )
            return await tx.media_jobs.update(begun)

    async def _work(self, job: MediaJob, folder: Path) -> None:
        async with self._step(job.id, MediaStep.DOWNLOADING) as meter:
            fetched = await self._workshop.fetch(job.url, job.options, folder, on_progress=meter.note)
        crash_point(CrashPoint.FETCHED)
        await self._learnt(job.id, fetched)
        async with self._step(job.id, MediaStep.MUXING) as meter:
            shaped = await self._workshop.shape(fetched, job.options, folder, on_progress=meter.note)
        async with self._step(job.id, MediaStep.UPLOADING):
            started = self._clock.monotonic()
            stored = await self._keep(job.id, fetched, shaped)
            upload_ms = round((self._clock.monotonic() - started) * 1000)
        crash_point(CrashPoint.KEPT)
        await self._complete(stored, shaped, upload_ms)

    @asynccontextmanager
    async def _step(self, job_id: UUID, step: MediaStep) -> AsyncIterator[_Meter]:
        """Writes the step, and its progress about once a second while the block runs."""
        meter = _Meter(step)
        await self._write(job_id, meter)
        writer = asyncio.create_task(self._write_often(job_id, meter))
        try:
            yield meter
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write_often(self, job_id: UUID, meter: _Meter) -> None:
        written = meter.overall
        while True:
            await asyncio.sleep(_WRITE_EVERY)
            if meter.overall - written >= 0.005:
                await self._write(job_id, meter)
                written = meter.overall

    async def _write(self, job_id: UUID, meter: _Meter) -> None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            if not job.state.over:
                await tx.media_jobs.update(
                    replace(job, step=meter.step, progress=max(job.progress, round(meter.overall, 4)))
                )

    async def _learnt(self, job_id: UUID, fetched: FetchedMedia) -> None:
        facts = fetched.facts
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            result = replace(
                job.result,
                title=facts.title,
                description=facts.description,
                release_date=facts.release_date,
                download_bytes=fetched.size,
                download_duration_ms=fetched.download_ms,
                metadata_duration_ms=fetched.extract_ms,
                download_strategy=fetched.strategy,
                download_retries=fetched.retries,
            )
            await tx.media_jobs.update(replace(job, result=result))

    async def _keep(self, job_id: UUID, fetched: FetchedMedia, shaped: ShapedMedia) -> MediaJob:
        """Stores the file under a key that was written down first, so that a second run finds its own file."""
        job = await self._claim_key(job_id, fetched, shaped)
        if job.stored_key is None:
            raise InternalError("No free name was found for the file.")
        storage = self._storages.get(_STORAGE)
        await storage.adopt(job.stored_key, shaped.path, size=shaped.size)
        stem = job.stored_key.rpartition(".")[0]
        subtitle = await self._keep_beside(f"{stem}{_language_suffix(fetched.subtitle)}", fetched.subtitle)
        thumbnail = await self._keep_beside(f"{stem}{_suffix(fetched.thumbnail)}", fetched.thumbnail)
        return replace(job, subtitle_key=subtitle, thumbnail_key=thumbnail)

    async def _keep_beside(self, key: str, path: Path | None) -> str | None:
        if path is None:
            return None
        size = (await asyncio.to_thread(path.stat)).st_size if await asyncio.to_thread(path.exists) else 0
        if size:
            await self._storages.get(_STORAGE).adopt(key, path, size=size)
        return key

    async def _claim_key(self, job_id: UUID, fetched: FetchedMedia, shaped: ShapedMedia) -> MediaJob:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id)
        if job.stored_key is not None:
            return job
        for key in media_keys(job, fetched.facts.title, shaped.container):
            try:
                async with self._transactions() as tx:
                    job = await tx.media_jobs.get(job_id, lock=True)
                    return await tx.media_jobs.update(replace(job, storage=_STORAGE, stored_key=key))
            except AlreadyExists:
                continue
        return job

    async def _complete(self, stored: MediaJob, shaped: ShapedMedia, upload_ms: int) -> None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(stored.id, lock=True)
            check_media_move(job.state, MediaState.COMPLETED)
            now = self._clock.now()
            result: MediaResult = replace(
                job.result,
                file_size=shaped.size,
                mux_duration_ms=shaped.mux_ms,
                upload_duration_ms=upload_ms,
                total_duration_ms=_ms(job.started_at or now, now),
                native_video_codec=shaped.native_video_codec,
                native_audio_codec=shaped.native_audio_codec,
                actual_quality=shaped.actual_quality,
            )
            await tx.media_jobs.update(
                replace(
                    job,
                    state=MediaState.COMPLETED,
                    step=MediaStep.FINISHED,
                    progress=1.0,
                    finished_at=now,
                    result=result,
                    subtitle_key=stored.subtitle_key,
                    thumbnail_key=stored.thumbnail_key,
                )
            )

    async def _wait(self, job_id: UUID, error: NotReady) -> float:
        """A broadcast that has not begun: not an attempt, just a later one."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            await tx.media_jobs.update(replace(job, attempts=max(0, job.attempts - 1)))
        return max(1.0, error.retry_after or _RETRY_DELAYS[-1])

    async def _failed(self, job_id: UUID, error: SluicegateError) -> float | None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id)
        if error.retry is Retry.LATER and job.attempts < _ATTEMPTS_MAX:
            return error.retry_after or _RETRY_DELAYS[min(job.attempts, len(_RETRY_DELAYS)) - 1]
        # First the left-overs, then the verdict: whoever sees the job over finds nothing of it any more.
        await self._workshop.discard(job_id)
        await self._end(job_id, _ENDS.get(type(error), MediaState.FAILED), error)
        return None

    async def _end(self, job_id: UUID, state: MediaState, error: SluicegateError) -> None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            if job.state.over:
                return
            check_media_move(job.state, state)
            words = f"{error.detail} {error.action}"
            await tx.media_jobs.update(
                replace(
                    job,
                    state=state,
                    error=words,
                    error_code=error.code,
                    finished_at=self._clock.now(),
                    storage=None,
                    stored_key=None,
                )
            )


def _ms(start: datetime, stop: datetime) -> int:
    return max(0, round((stop - start).total_seconds() * 1000))


def _suffix(path: Path | None) -> str:
    return path.suffix if path is not None else ""


def _language_suffix(path: Path | None) -> str:
    """``.en.vtt`` of ``name.en.vtt``: the language stays in the key (sheet, section 11.8)."""
    return "".join(path.suffixes[-2:]) if path is not None else ""
