"""Usage over time in the database."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, case, cast, extract, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.jobs import JobState
from sluicegate.core.media_jobs import MediaState
from sluicegate.core.usage import Counter
from sluicegate.core.usage_history import DayOfJobs, DayOfMedia, MonthOfStreams
from sluicegate.db.people_schema import usage_counters
from sluicegate.db.rows import many
from sluicegate.db.schema import JOB_IS_LISTED, jobs, media_jobs

__all__ = ["UsageHistory"]

_DONE: Final = media_jobs.c.state == str(MediaState.COMPLETED)


class UsageHistory:
    """Implements ``core.usage_history.UsageHistoryRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def jobs(self, user_id: UUID, *, since: datetime) -> list[DayOfJobs]:
        """See the port; the index of the list by state has every column, so that no row is read."""
        day = _day_of(jobs.c.created_at)
        statement = (
            select(day, func.count().label("submitted"), _in(JobState.READY), _in(JobState.FAILED))
            .where(jobs.c.user_id == user_id, jobs.c.created_at >= since, JOB_IS_LISTED)
            .group_by(day)
            .order_by(day)
        )
        return [DayOfJobs(**row) for row in await many(self._connection, statement)]

    async def media(self, user_id: UUID, *, since: datetime) -> list[DayOfMedia]:
        """See the port."""
        day = _day_of(media_jobs.c.finished_at)
        done = func.count().filter(_DONE)
        size: ColumnElement[int] = cast(media_jobs.c.result["file_size"].astext, BigInteger)
        seconds = extract("epoch", media_jobs.c.finished_at - media_jobs.c.started_at)
        statement = (
            select(
                day,
                done.label("completed"),
                (func.count() - done).label("failed"),
                func.coalesce(func.sum(case((_DONE, size))), 0).label("stored_bytes"),
                func.coalesce(func.sum(seconds), 0).label("seconds"),
            )
            .where(media_jobs.c.user_id == user_id, media_jobs.c.finished_at >= since)
            .group_by(day)
            .order_by(day)
        )
        rows = await many(self._connection, statement)
        sums = ({**row, "stored_bytes": int(row["stored_bytes"]), "seconds": float(row["seconds"])} for row in rows)
        return [DayOfMedia(**one) for one in sums]

    async def streams(self, user_id: UUID, *, since: date) -> list[MonthOfStreams]:
        """See the port."""
        month = usage_counters.c.period.label("month")
        statement = (
            select(month, *(_counted(counter) for counter in Counter))
            .where(usage_counters.c.user_id == user_id, usage_counters.c.period >= since)
            .group_by(month)
            .order_by(month)
        )
        return [
            MonthOfStreams(row["month"], *(int(row[str(counter)]) for counter in Counter))
            for row in await many(self._connection, statement)
        ]


def _day_of(time: ColumnElement[datetime]) -> ColumnElement[date]:
    return func.date(func.timezone("UTC", time)).label("day")


def _in(state: JobState) -> ColumnElement[int]:
    return func.count().filter(jobs.c.state == str(state)).label(str(state))


def _counted(counter: Counter) -> ColumnElement[int]:
    value = case((usage_counters.c.counter == str(counter), usage_counters.c.value))
    return func.coalesce(func.sum(value), 0).label(str(counter))
