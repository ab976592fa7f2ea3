"""Counters and figures of media jobs in the database."""

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, case, cast, extract, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.media_jobs import MediaState
from sluicegate.core.media_usage import DayFigures, MediaFigures, MediaUsage
from sluicegate.db.media_schema import media_usage
from sluicegate.db.rows import first, many
from sluicegate.db.schema import MEDIA_IS_ADMITTED, media_jobs

__all__ = ["MediaUsages"]

_DONE: Final = media_jobs.c.state == str(MediaState.COMPLETED)


class MediaUsages:
    """Implements ``core.media_usage.MediaUsageRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, user_id: UUID, *, lock: bool = False) -> MediaUsage:
        """See the port."""
        if lock:
            await self.count(user_id)
        kept = select(media_usage.c.jobs_created, media_usage.c.stored_bytes).where(media_usage.c.user_id == user_id)
        row = await first(self._connection, kept)
        held = select(func.coalesce(func.sum(media_jobs.c.reserved_bytes), 0))
        mine = held.where(media_jobs.c.user_id == user_id, MEDIA_IS_ADMITTED)
        reserved = int((await self._connection.execute(mine)).scalar_one())
        return MediaUsage(**(row or {}), reserved_bytes=reserved)

    async def count(self, user_id: UUID, *, jobs: int = 0, stored: int = 0) -> None:
        """See the port."""
        added = insert(media_usage).values(user_id=user_id, jobs_created=jobs, stored_bytes=stored)
        together = {
            "jobs_created": media_usage.c.jobs_created + added.excluded.jobs_created,
            "stored_bytes": media_usage.c.stored_bytes + added.excluded.stored_bytes,
        }
        await self._connection.execute(added.on_conflict_do_update(index_elements=["user_id"], set_=together))

    async def figures(self, user_id: UUID, *, midnight: datetime, day_ago: datetime) -> MediaFigures:
        """See the port."""
        mine = media_jobs.c.user_id == user_id
        states = select(media_jobs.c.state, func.count().label("jobs")).where(mine).group_by(media_jobs.c.state)
        seconds = extract("epoch", media_jobs.c.finished_at - media_jobs.c.started_at)
        ended = media_jobs.c.finished_at
        size: ColumnElement[int] = cast(media_jobs.c.result["file_size"].astext, BigInteger)
        recent = select(
            func.avg(case((ended >= day_ago, seconds))).label("mean"),
            func.coalesce(func.sum(case((ended >= midnight, size))), 0).label("today"),
        ).where(mine, _DONE, ended >= min(midnight, day_ago))
        row = (await self._connection.execute(recent)).mappings().one()
        counted = {MediaState(one["state"]): one["jobs"] for one in await many(self._connection, states)}
        return MediaFigures(counted, None if row["mean"] is None else float(row["mean"]), int(row["today"]))

    async def days(self, user_id: UUID, *, since: datetime) -> list[DayFigures]:
        """See the port."""
        day = func.date(func.timezone("UTC", media_jobs.c.finished_at)).label("day")
        done = func.sum(case((_DONE, 1), else_=0))
        statement = (
            select(day, done.label("completed"), (func.count() - done).label("failed"))
            .where(media_jobs.c.user_id == user_id, media_jobs.c.finished_at >= since.astimezone(UTC))
            .group_by(day)
            .order_by(day)
        )
        rows = await many(self._connection, statement)
        return [DayFigures(_date(row["day"]), row["completed"], row["failed"]) for row in rows]


def _date(value: date) -> date:
    return value
