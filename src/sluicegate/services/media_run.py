"""Running media jobs: begin, work, and what becomes of a job whose work did not end well."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.errors import (
    InternalError,
    MediaProtected,
    MediaRestricted,
    NoMedia,
    NotReady,
    Retry,
    SluicegateError,
    StorageFull,
)
from sluicegate.core.media import MediaWorkshop
from sluicegate.core.media_jobs import MediaJob, MediaState, MediaStep, check_media_move
from sluicegate.core.media_targets import LOCAL_STORAGE
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.services.media_queue import ask_for_places
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.media_stops import MediaStops
from sluicegate.services.media_work import MediaWork

__all__ = ["MediaRunService"]

_ATTEMPTS_MAX: Final = 4
_PAGE: Final = 500
_RETRY_DELAYS: Final = (3.0, 15.0, 60.0)
_ROOM_SECONDS: Final = 30.0
"""How long a job waits before it looks again whether the disk has room."""

_LONGEST_WAIT: Final = 3600.0
_ENDS: Final[dict[type[SluicegateError], MediaState]] = {
    MediaRestricted: MediaState.WARNING,
    MediaProtected: MediaState.SKIPPED,
    NoMedia: MediaState.SKIPPED,
}


class MediaRunService:
    """Executes media jobs in a worker."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        workshop: MediaWorkshop,
        work: MediaWork,
        settling: MediaSettling,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._workshop = workshop
        self._work = work
        self._settling = settling
        self._clock = clock
        self._stops = MediaStops(transactions)

    async def run(self, job_id: UUID) -> None:
        """Runs one job to its end or as far as it goes; a job that has to wait gives its place back."""
        job = await self._begin(job_id)
        if job is None:
            return
        try:
            await self._stoppable(job)
        except NotReady as error:
            await self._wait(job_id, error.retry_after or _RETRY_DELAYS[-1], error.detail)
            return
        except StorageFull as error:
            if job.storage in {None, LOCAL_STORAGE}:
                await self._wait(job_id, _ROOM_SECONDS, f"{error.detail} It goes on by itself when there is room.")
                return
            await self._failed(job_id, error)
        except SluicegateError as error:
            await self._failed(job_id, error)
        else:
            await self._workshop.discard(job_id)

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
        """The job at work; None when it is over or has no place any more."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            if job.state.over or job.admitted_at is None:
                over = job.state.over
            else:
                check_media_move(job.state, MediaState.PROCESSING)
                now = self._clock.now()
                waited = job.result.queue_wait_ms
                since = job.enqueued_at or job.created_at
                return await tx.media_jobs.update(
                    replace(
                        job,
                        state=MediaState.PROCESSING,
                        step=MediaStep.DOWNLOADING if job.step is MediaStep.QUEUED else job.step,
                        started_at=job.started_at or now,
                        attempts=job.attempts + 1,
                        waiting=None,
                        result=replace(job.result, queue_wait_ms=_ms(since, now) if waited is None else waited),
                    )
                )
        if over:
            await self._workshop.discard(job_id)
        return None

    async def _stoppable(self, job: MediaJob) -> None:
        """Works until the job's user ends it; by then its processes are gone."""
        work = asyncio.create_task(self._work.run(job))
        with self._stops.watching(job.id, work):
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                work.cancel()
                await asyncio.wait({work})
                raise
        if not work.cancelled():
            work.result()

    async def _wait(self, job_id: UUID, seconds: float, words: str) -> None:
        """Gives the place back until later; this was no attempt."""
        await self._put_back(job_id, min(max(seconds, 1.0), _LONGEST_WAIT), words, attempts=-1)

    async def _failed(self, job_id: UUID, error: SluicegateError) -> None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id)
        if error.retry is Retry.LATER and job.attempts < _ATTEMPTS_MAX:
            pause = error.retry_after or _RETRY_DELAYS[min(job.attempts, len(_RETRY_DELAYS)) - 1]
            words = f"{error.detail} Try {job.attempts + 1} of {_ATTEMPTS_MAX} follows."
            await self._put_back(job_id, min(pause, _LONGEST_WAIT), words)
            return
        # First the left-overs, then the verdict: whoever sees the job over finds nothing of it any more.
        await self._workshop.discard(job_id)
        await self._end(job_id, _ENDS.get(type(error), MediaState.FAILED), error)

    async def _put_back(self, job_id: UUID, seconds: float, words: str, *, attempts: int = 0) -> None:
        """Puts a job back into the queue, with the reason for people; its next try may not begin before."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            if job.state.over:
                return
            result = job.result
            if not attempts:
                uploading = job.step is MediaStep.UPLOADING
                result = replace(
                    result,
                    download_retries=result.download_retries + (not uploading),
                    upload_retries=result.upload_retries + uploading,
                )
            waits = replace(
                job,
                admitted_at=None,
                not_before=self._clock.now() + timedelta(seconds=seconds),
                waiting=words,
                reserved_bytes=0,
                speed=None,
                attempts=max(0, job.attempts + attempts),
                result=result,
            )
            await tx.media_jobs.update(waits)
            await ask_for_places(tx)
            await ask_for_places(tx, delay=seconds, subject=str(job_id))

    async def _end(self, job_id: UUID, state: MediaState, error: SluicegateError) -> None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            if job.state.over:
                return
            words = f"{error.detail} {error.action}"
            told = replace(job, error=words, error_code=error.code, stored_key=None)
            await self._settling.end(tx, told, state)


def _ms(start: datetime, stop: datetime) -> int:
    return max(0, round((stop - start).total_seconds() * 1000))
