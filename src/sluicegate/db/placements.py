"""How placed jobs get on, in the database: one statement looks at all of them, whatever their number."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, case, delete, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.cascade import Idle, Stray
from sluicegate.core.jobs import ACTIVE_STATES, Job, JobState
from sluicegate.db.cascade_schema import cascade_preferences, placements, slot_waits
from sluicegate.db.jobs import job_of
from sluicegate.db.rows import first, many, page_bounds
from sluicegate.db.schema import JOB_IS_ACTIVE, intents, jobs

__all__ = ["Placements"]

_PLACE: Final = func.concat_ws(" ", jobs.c.provider, jobs.c.account_id, jobs.c.transfer_id)
"""Where a job's transfer is; another place counts from the beginning."""
_LEAVING_MAX: Final = timedelta(minutes=15)
"""A job that looks for another way for so long was given up by its task, and is sent once more."""
_OVER: Final = jobs.c.state.not_in([str(state) for state in ACTIVE_STATES])
_PLACED: Final = and_(
    JOB_IS_ACTIVE,
    jobs.c.transfer_id != "",
    # What our own engines have is stored here: nobody else could do that sooner.
    or_(jobs.c.state != str(JobState.UPLOADING), jobs.c.provider.not_in(LOCAL_PROVIDERS)),
)


class Placements:
    """Implements ``core.cascade.PlacementRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def observe(self, now: datetime) -> None:
        """See the port. Of jobs that are over nothing is noted any more."""
        over = select(jobs.c.id).where(jobs.c.id == placements.c.job_id, _OVER).exists()
        await self._connection.execute(delete(placements).where(over))
        moment = literal(now, placements.c.since.type)
        seen = insert(placements).from_select(
            ["job_id", "place", "job_progress", "since", "leaving"],
            select(jobs.c.id, _PLACE, jobs.c.progress, moment, literal("")).where(_PLACED),
        )
        told = seen.excluded
        elsewhere = placements.c.place != told.place
        await self._connection.execute(
            seen.on_conflict_do_update(
                index_elements=["job_id"],
                set_={
                    "place": told.place,
                    "job_progress": told.job_progress,
                    "progress": case((elsewhere, null()), else_=placements.c.progress),
                    "since": told.since,
                    "leaving": "",
                    "looked_at": None,
                },
                where=or_(elsewhere, told.job_progress > placements.c.job_progress),
            )
        )

    async def idle(self, since: datetime, looked: datetime, *, local: bool, limit: int) -> list[Idle]:
        """See the port."""
        statement = (
            select(jobs, placements.c.since.label("since"), placements.c.progress.label("own_progress"))
            .join(placements, placements.c.job_id == jobs.c.id)
            .where(_PLACED, placements.c.place == _PLACE, placements.c.since < since)
            .where(or_(placements.c.looked_at.is_(None), placements.c.looked_at < looked))
            .where(or_(placements.c.leaving == "", placements.c.looked_at < looked - _LEAVING_MAX))
            .where(jobs.c.provider.in_(LOCAL_PROVIDERS) == local)
            .order_by(placements.c.since, jobs.c.id)
            .limit(page_bounds(limit, 0)[0])
        )
        return [Idle(job_of(row), row["since"], row["own_progress"]) for row in await many(self._connection, statement)]

    async def moved(self, job: Job, now: datetime, progress: float) -> None:
        """See the port."""
        await self._note(job, since=now, progress=progress, looked_at=None, leaving="")

    async def looked(self, job: Job, now: datetime, progress: float | None) -> None:
        """See the port."""
        await self._note(job, looked_at=now, progress=progress)

    async def leave(self, job: Job, rule: str, now: datetime) -> None:
        """See the port."""
        await self._note(job, leaving=rule, looked_at=now)

    async def leaving(self, job: Job) -> str:
        """See the port."""
        statement = (
            select(placements.c.leaving)
            .join(jobs, jobs.c.id == placements.c.job_id)
            .where(placements.c.job_id == job.id, placements.c.place == _PLACE)
        )
        row = await first(self._connection, statement)
        return "" if row is None else str(row["leaving"])

    async def stay(self, job: Job, now: datetime) -> None:
        """See the port."""
        await self._note(job, since=now, looked_at=None, leaving="")

    async def await_slot(self, job_id: UUID, account_id: UUID, now: datetime) -> None:
        """See the port; the first time counts."""
        statement = insert(slot_waits).values(job_id=job_id, account_id=account_id, since=now)
        await self._connection.execute(statement.on_conflict_do_nothing())

    async def stop_waiting(self, job_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(slot_waits).where(slot_waits.c.job_id == job_id))

    async def next_waiting(self, account_id: UUID) -> UUID | None:
        """See the port."""
        statement = (
            select(jobs.c.id)
            .join(slot_waits, slot_waits.c.job_id == jobs.c.id)
            .where(slot_waits.c.account_id == account_id, JOB_IS_ACTIVE, jobs.c.transfer_id == "")
            .order_by(slot_waits.c.since, jobs.c.id)
            .limit(1)
        )
        row = await first(self._connection, statement)
        return None if row is None else row["id"]

    async def oversized(self, *, local: bool, limit: int) -> list[Job]:
        """See the port."""
        statement = (
            select(jobs)
            .join(cascade_preferences, cascade_preferences.c.user_id == jobs.c.user_id)
            .where(_PLACED, jobs.c.size > cascade_preferences.c.max_size)
            .where(jobs.c.provider.in_(LOCAL_PROVIDERS) == local)
            .limit(page_bounds(limit, 0)[0])
        )
        return [job_of(row) for row in await many(self._connection, statement)]

    async def strays(self, opened: datetime, looked: datetime, *, local: bool, limit: int) -> Sequence[Stray]:
        """See the port. A job that is not placed yet looks by itself before it creates anything."""
        there = and_(
            jobs.c.provider == intents.c.provider, jobs.c.account_id.is_not_distinct_from(intents.c.account_id)
        )
        statement = (
            select(jobs, intents.c.provider.label("at_provider"), intents.c.account_id.label("at_account"))
            .join(intents, intents.c.job_id == jobs.c.id)
            .where(or_(_OVER, and_(jobs.c.transfer_id != "", ~there)))
            .where(intents.c.provider.in_(LOCAL_PROVIDERS) == local)
            .where(intents.c.opened_at < opened, or_(intents.c.looked_at.is_(None), intents.c.looked_at < looked))
            .order_by(intents.c.looked_at.nulls_first(), intents.c.id)
            .limit(page_bounds(limit, 0)[0])
        )
        rows = await many(self._connection, statement)
        return [Stray(job_of(row), row["at_provider"], row["at_account"]) for row in rows]

    async def looked_for(self, stray: Stray, now: datetime) -> None:
        """See the port."""
        await self._connection.execute(
            update(intents)
            .where(intents.c.job_id == stray.job.id, intents.c.provider == stray.provider)
            .where(intents.c.account_id.is_not_distinct_from(stray.account_id))
            .values(looked_at=now)
        )

    async def _note(self, job: Job, **values: object) -> None:
        await self._connection.execute(update(placements).where(placements.c.job_id == job.id).values(**values))
