"""What still stands of what open streams lean on, in the database."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.jobs import JobState
from sluicegate.core.media_jobs import MediaState
from sluicegate.db.rows import many
from sluicegate.db.schema import jobs, keys, media_jobs

__all__ = ["StreamRights"]


class StreamRights:
    """Implements ``core.stream_rights.StreamRightRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keys(self, key_ids: Collection[UUID]) -> set[UUID]:
        """See the port."""
        valid = or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > func.now())
        statement = select(keys.c.id).where(keys.c.id.in_(key_ids), valid)
        return {row["id"] for row in await many(self._connection, statement)}

    async def jobs(self, job_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
        """See the port."""
        ready = and_(jobs.c.state == str(JobState.READY), jobs.c.removed_at.is_(None))
        statement = select(jobs.c.user_id, jobs.c.id).where(jobs.c.id.in_(job_ids), ready)
        return {(row["user_id"], row["id"]) for row in await many(self._connection, statement)}

    async def media_jobs(self, job_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
        """See the port."""
        complete = media_jobs.c.state == str(MediaState.COMPLETED)
        statement = select(media_jobs.c.user_id, media_jobs.c.id).where(media_jobs.c.id.in_(job_ids), complete)
        return {(row["user_id"], row["id"]) for row in await many(self._connection, statement)}
