"""Batches of media jobs in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, case, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.media_batches import BatchCounts, BatchState, MediaBatch
from sluicegate.core.media_jobs import MediaState
from sluicegate.db.media_schema import media_batches
from sluicegate.db.rows import columns_of, many, one, page_bounds
from sluicegate.db.schema import media_jobs

__all__ = ["MediaBatches"]

_RENAME: Final = text(
    """UPDATE media_jobs SET options = jsonb_set(options, '{filename}', to_jsonb(cast(:filename AS text))),
    version = version + 1, updated_at = clock_timestamp()
    WHERE id = :job_id AND batch_id = :batch_id AND state = 'Pending' RETURNING id"""
)


class MediaBatches:
    """Implements ``core.media_batches.MediaBatchRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, batch: MediaBatch) -> None:
        """See the port."""
        await self._connection.execute(insert(media_batches).values(columns_of(batch)))

    async def get(self, batch_id: UUID, *, user_id: UUID | None = None, lock: bool = False) -> MediaBatch:
        """See the port."""
        statement = select(media_batches).where(media_batches.c.id == batch_id)
        if user_id is not None:
            statement = statement.where(media_batches.c.user_id == user_id)
        return _batch(await one(self._connection, statement.with_for_update() if lock else statement, "batch"))

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[MediaBatch]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        order = (media_batches.c.created_at.desc(), media_batches.c.id.desc())
        statement = select(media_batches).where(media_batches.c.user_id == user_id)
        rows = await many(self._connection, statement.order_by(*order).limit(limit).offset(offset))
        return [_batch(row) for row in rows]

    async def put(self, batch: MediaBatch) -> None:
        """See the port."""
        values = {"state": str(batch.state), "finished_at": batch.finished_at}
        await self._connection.execute(update(media_batches).where(media_batches.c.id == batch.id).values(values))

    async def counts(self, batch_ids: Sequence[UUID]) -> dict[UUID, BatchCounts]:
        """See the port."""
        over = [str(state) for state in MediaState if state.over]
        done = func.sum(case((media_jobs.c.state == str(MediaState.COMPLETED), 1), else_=0))
        statement = (
            select(media_jobs.c.batch_id, func.count().label("over"), done.label("completed"))
            .where(media_jobs.c.batch_id.in_(batch_ids), media_jobs.c.state.in_(over))
            .group_by(media_jobs.c.batch_id)
        )
        rows = await many(self._connection, statement)
        return {row["batch_id"]: BatchCounts(row["completed"], row["over"] - row["completed"]) for row in rows}

    async def unfinished(self, batch_id: UUID) -> bool:
        """See the port; asked at the end of every job, so it stops at the first one found instead of counting."""
        active = [str(state) for state in MediaState if not state.over]
        found = select(media_jobs.c.id).where(media_jobs.c.batch_id == batch_id, media_jobs.c.state.in_(active))
        return (await self._connection.execute(found.limit(1))).first() is not None

    async def job_ids(self, batch_id: UUID) -> list[UUID]:
        """See the port; one array, since ten thousand rows would cost more than the query."""
        listed = func.array_agg(media_jobs.c.id.op("ORDER BY")(media_jobs.c.position))
        statement = select(listed).where(media_jobs.c.batch_id == batch_id)
        return list((await self._connection.execute(statement)).scalar_one() or [])

    async def rename(self, batch_id: UUID, job_id: UUID, filename: str) -> bool:
        """See the port."""
        values = {"batch_id": batch_id, "job_id": job_id, "filename": filename}
        return (await self._connection.execute(_RENAME, values)).first() is not None

    async def release(self, batch_id: UUID, at: datetime) -> int:
        """See the port."""
        waiting = (media_jobs.c.batch_id == batch_id, media_jobs.c.enqueued_at.is_(None))
        pending = media_jobs.c.state == str(MediaState.PENDING)
        values = {"enqueued_at": at, "version": media_jobs.c.version + 1, "updated_at": func.clock_timestamp()}
        return (await self._connection.execute(update(media_jobs).where(*waiting, pending).values(values))).rowcount


def _batch(row: RowMapping) -> MediaBatch:
    return MediaBatch(**{**row, "state": BatchState(row["state"])})
