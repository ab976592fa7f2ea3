"""Ending media jobs: the verdict, the batch it belongs to, the counters and the events, all in one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sluicegate.core.media_batches import BatchCounts, BatchState
from sluicegate.core.media_events import MediaEvents, ProgressStage
from sluicegate.core.media_jobs import MediaJob, MediaState, check_media_move
from sluicegate.core.ports import Clock, UnitOfWork
from sluicegate.services.media_queue import ask_for_places

__all__ = ["MediaSettling"]


class MediaSettling:
    """Writes the end of jobs; the caller holds the lock of their rows."""

    def __init__(self, events: MediaEvents, clock: Clock) -> None:
        self._events = events
        self._clock = clock

    async def end(self, tx: UnitOfWork, job: MediaJob, state: MediaState, *, silent: bool = False) -> MediaJob:
        """Moves ``job``, which already carries its result or error, into ``state``.

        Args:
            tx: the unit of work in which everything happens.
            job: locked in ``tx``.
            state: one of the four last ones.
            silent: no event is told about the job, because its own user has ended it.

        Raises:
            IllegalMove: it is over already.
        """
        check_media_move(job.state, state)
        released = replace(job, admitted_at=None, not_before=None, waiting=None, reserved_bytes=0, speed=None)
        ended = await tx.media_jobs.update(replace(released, state=state, finished_at=self._clock.now()))
        if state is MediaState.COMPLETED:
            await tx.media_usage.count(job.user_id, stored=job.result.file_size or 0)
            await self._events.progressed(tx, ended, ProgressStage.COMPLETED)
        if not silent:
            await self._events.ended(tx, ended)
        await self.settle_batches(tx, [job.batch_id] if job.batch_id else [])
        if job.admitted_at is not None:
            await ask_for_places(tx)
        return ended

    async def settle_batches(self, tx: UnitOfWork, batch_ids: Sequence[UUID]) -> None:
        """Ends those batches whose jobs are all over; of several who come at once, the last one does it."""
        for batch_id in batch_ids:
            batch = await tx.media_batches.get(batch_id, lock=True)
            if batch.state.over or await tx.media_batches.unfinished(batch_id):
                continue
            counts = (await tx.media_batches.counts([batch_id])).get(batch_id, BatchCounts())
            state = BatchState.FINISHED if counts.failed else BatchState.COMPLETED
            ended = replace(batch, state=state, finished_at=self._clock.now())
            await tx.media_batches.put(ended)
            await self._events.batch_ended(tx, ended, counts)

    async def reached(self, tx: UnitOfWork, job: MediaJob, stage: ProgressStage) -> None:
        """Tells that a job has reached a stage."""
        await self._events.progressed(tx, job, stage)
