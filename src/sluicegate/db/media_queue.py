"""The queue of media jobs: places at work are columns of the jobs' own rows."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Integer, Text, Uuid, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.media_jobs import MediaState
from sluicegate.core.media_queue import Candidate
from sluicegate.db.rows import many
from sluicegate.db.schema import MEDIA_IS_ADMITTED, MEDIA_WAITS, media_jobs

__all__ = ["MediaQueue"]

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext('sluicegate media queue'))")
_WAITING: Final = text(
    f"""SELECT line.id, line.user_id, line.host, user_limits.concurrent AS limit
    FROM (SELECT DISTINCT user_id FROM media_jobs WHERE {MEDIA_WAITS.text}) AS users
    LEFT JOIN user_limits USING (user_id)
    CROSS JOIN LATERAL (
        SELECT id, user_id, host, priority, enqueued_at, position FROM media_jobs
        WHERE user_id = users.user_id AND {MEDIA_WAITS.text} AND (not_before IS NULL OR not_before <= :now)
            AND NOT host = ANY(:hosts)
        ORDER BY priority DESC, enqueued_at, position, id LIMIT :each
    ) AS line
    ORDER BY line.user_id, line.priority DESC, line.enqueued_at, line.position, line.id"""  # noqa: S608 - constants
).bindparams(
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("hosts", type_=ARRAY(Text)),
    bindparam("each", type_=Integer),
)


class MediaQueue:
    """Implements ``core.media_queue.MediaQueueRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """See the port."""
        await self._connection.execute(_LOCK)

    async def busy(self) -> list[tuple[UUID, str, int]]:
        """See the port."""
        columns = (media_jobs.c.user_id, media_jobs.c.host)
        statement = select(*columns, func.count().label("jobs")).where(MEDIA_IS_ADMITTED).group_by(*columns)
        return [(row["user_id"], row["host"], row["jobs"]) for row in await many(self._connection, statement)]

    async def waiting(self, now: datetime, *, each: int, not_hosts: Collection[str]) -> list[Candidate]:
        """See the port."""
        values = {"now": now, "each": each, "hosts": list(not_hosts)}
        rows = (await self._connection.execute(_WAITING, values)).mappings()
        return [Candidate(**row) for row in rows]

    async def admit(self, job_ids: Sequence[UUID], now: datetime) -> None:
        """See the port; the version changes, so that whoever read the row before cannot overwrite the place."""
        values = {"admitted_at": now, "not_before": None, "waiting": None}
        bumped = {"version": media_jobs.c.version + 1, "updated_at": func.clock_timestamp()}
        wanted = media_jobs.c.id == func.any(bindparam("ids", list(job_ids), type_=ARRAY(Uuid)))
        await self._connection.execute(update(media_jobs).where(wanted, MEDIA_WAITS).values(values | bumped))

    async def over(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """See the port."""
        active = [str(state) for state in MediaState if not state.over]
        wanted = media_jobs.c.id == func.any(bindparam("ids", list(job_ids), type_=ARRAY(Uuid)))
        rows = await many(self._connection, select(media_jobs.c.id).where(wanted, media_jobs.c.state.in_(active)))
        return set(job_ids) - {row["id"] for row in rows}
