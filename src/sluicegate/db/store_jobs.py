"""Deliveries of library files in the database."""

from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.destinations import StoreJob, StoreState
from sluicegate.core.errors import InternalError, NotFound
from sluicegate.db.destination_schema import STORE_IS_ACTIVE, store_jobs
from sluicegate.db.rows import columns_of, first, many, one, page_bounds

__all__ = ["StoreJobs"]

_FIXED: Final = ("id", "user_id", "job_id", "file_id", "destination_id", "created_at")
_ROUNDS: Final = 3


class StoreJobs:
    """Implements ``core.destinations.StoreJobRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, job: StoreJob) -> StoreJob:
        """See the port. The partial unique index decides between concurrent callers."""
        same = select(store_jobs).where(
            store_jobs.c.file_id == job.file_id,
            store_jobs.c.destination_id == job.destination_id,
            store_jobs.c.state != str(StoreState.FAILED),
        )
        statement = insert(store_jobs).values(columns_of(job)).on_conflict_do_nothing().returning(store_jobs.c.id)
        for _ in range(_ROUNDS):
            if await first(self._connection, statement) is not None:
                return job
            if (row := await first(self._connection, same)) is not None:
                return _store_job(row)
        raise InternalError("This delivery comes and goes faster than it can be read.", retry_after=1.0)

    async def get(self, store_id: UUID, *, user_id: UUID | None = None) -> StoreJob:
        """See the port."""
        statement = select(store_jobs).where(store_jobs.c.id == store_id)
        if user_id is not None:
            statement = statement.where(store_jobs.c.user_id == user_id)
        return _store_job(await one(self._connection, statement, "delivery"))

    async def page(self, user_id: UUID, job_id: UUID, *, limit: int, offset: int) -> list[StoreJob]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = (
            select(store_jobs)
            .where(store_jobs.c.user_id == user_id, store_jobs.c.job_id == job_id)
            .order_by(store_jobs.c.created_at.desc(), store_jobs.c.id)
            .limit(limit)
            .offset(offset)
        )
        return [_store_job(row) for row in await many(self._connection, statement)]

    async def update(self, job: StoreJob) -> None:
        """See the port."""
        values = columns_of(job, without=_FIXED)
        statement = update(store_jobs).where(store_jobs.c.id == job.id).values(**values).returning(store_jobs.c.id)
        if await first(self._connection, statement) is None:
            raise NotFound("There is no such delivery.")

    async def unfinished(self, *, limit: int, after: UUID | None = None) -> list[StoreJob]:
        """See the port."""
        statement = select(store_jobs).where(STORE_IS_ACTIVE).order_by(store_jobs.c.id)
        if after is not None:
            statement = statement.where(store_jobs.c.id > after)
        return [_store_job(row) for row in await many(self._connection, statement.limit(page_bounds(limit, 0)[0]))]


def _store_job(row: RowMapping) -> StoreJob:
    return StoreJob(**{**row, "state": StoreState(row["state"])})
