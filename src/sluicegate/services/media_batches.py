"""Batches as a caller sees them: progress, names, start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sluicegate.core.errors import IllegalMove
from sluicegate.core.media_batches import BatchCounts, BatchState, MediaBatch
from sluicegate.core.media_jobs import MediaJob
from sluicegate.core.names import safe_segment
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.services.media_queue import ask_for_places
from sluicegate.services.media_settling import MediaSettling

__all__ = ["BatchView", "MediaBatchService"]

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch, how many of its jobs are over, and its jobs in order (empty in lists)."""

    batch: MediaBatch
    counts: BatchCounts
    job_ids: tuple[UUID, ...] = ()


class MediaBatchService:
    """A user's batches; every call is bound to one user."""

    def __init__(self, transactions: UnitOfWorkFactory, settling: MediaSettling, clock: Clock) -> None:
        self._transactions = transactions
        self._settling = settling
        self._clock = clock

    async def get(self, user_id: UUID, batch_id: UUID) -> BatchView:
        """One own batch. Raises NotFound, also for foreign ones."""
        async with self._transactions() as tx:
            batch = await tx.media_batches.get(batch_id, user_id=user_id)
            counts = await tx.media_batches.counts([batch_id])
            return BatchView(
                batch, counts.get(batch_id, BatchCounts()), tuple(await tx.media_batches.job_ids(batch_id))
            )

    async def page(self, user_id: UUID, *, limit: int = _PAGE, offset: int = 0) -> list[BatchView]:
        """Own batches, newest first; the contract's list has no pages, that one ends after a thousand."""
        async with self._transactions() as tx:
            batches = await tx.media_batches.page(user_id, limit=limit, offset=offset)
            counts = await tx.media_batches.counts([batch.id for batch in batches])
        return [BatchView(batch, counts.get(batch.id, BatchCounts())) for batch in batches]

    async def jobs(self, user_id: UUID, batch_id: UUID, *, limit: int, offset: int) -> list[MediaJob]:
        """The jobs of an own batch in its order. Raises NotFound, also for a foreign one."""
        async with self._transactions() as tx:
            await tx.media_batches.get(batch_id, user_id=user_id)
            return await tx.media_jobs.of_batch(batch_id, limit=limit, offset=offset)

    async def rename(
        self, user_id: UUID, batch_id: UUID, renames: Sequence[tuple[UUID | None, str, str]]
    ) -> tuple[int, list[str]]:
        """Gives files of a paused batch other names, made safe instead of refused (sheet, section 9.3).

        Args:
            user_id: whose.
            batch_id: which.
            renames: id of the job (None when it is none), the same as it was sent, and the name.

        Returns:
            How many were renamed, and a sentence for each one that was not.

        Raises:
            NotFound: unknown or foreign batch.
            IllegalMove: it is not paused.
        """
        updated, errors = 0, []
        async with self._transactions() as tx:
            batch = await tx.media_batches.get(batch_id, user_id=user_id, lock=True)
            if batch.state is not BatchState.PAUSED:
                raise IllegalMove("Batch is not paused. Only paused batches can be renamed.")
            for job_id, shown, filename in renames:
                name = safe_segment(filename, fallback="")
                if not name:
                    errors.append(f"Job {shown}: the filename is empty")
                elif job_id is None or not await tx.media_batches.rename(batch_id, job_id, name):
                    errors.append(f"Job {shown} not found in this batch")
                else:
                    updated += 1
        return updated, errors

    async def start(self, user_id: UUID, batch_id: UUID) -> int:
        """Puts the jobs of a paused batch into the queue; how many.

        Raises:
            NotFound: unknown or foreign batch.
            IllegalMove: it is not paused.
        """
        async with self._transactions() as tx:
            batch = await tx.media_batches.get(batch_id, user_id=user_id, lock=True)
            if batch.state is not BatchState.PAUSED:
                raise IllegalMove(f"Batch is not paused (current status: {batch.state})")
            started = await tx.media_batches.release(batch_id, self._clock.now())
            await tx.media_batches.put(replace(batch, state=BatchState.PROCESSING))
            # All of its jobs may have been cancelled meanwhile.
            await self._settling.settle_batches(tx, [batch_id])
            await ask_for_places(tx)
        return started
