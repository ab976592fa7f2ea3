"""What ready jobs tell about availability, in the database."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.availability import HeldCopy
from sluicegate.core.jobs import JobState
from sluicegate.core.sources import SourceKind
from sluicegate.db.rows import first, many
from sluicegate.db.schema import JOB_IS_CURRENT, accounts, files, jobs

__all__ = ["HeldCopies"]


class HeldCopies:
    """Implements ``core.availability.HeldCopyRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, user_id: UUID, hashes: Sequence[str], *, everybody: bool) -> list[HeldCopy]:
        """See the port."""
        columns = (
            jobs.c.info_hash, jobs.c.user_id, jobs.c.provider, jobs.c.account_id, jobs.c.name, jobs.c.size,
            jobs.c.updated_at,
        )  # fmt: skip
        stored = func.coalesce(func.bool_and(files.c.stored_key.is_not(None)), False)
        mine = jobs.c.user_id == user_id
        statement = (
            select(*columns, stored.label("stored"))
            .join_from(jobs, files, files.c.job_id == jobs.c.id)
            .where(jobs.c.info_hash.in_(hashes), jobs.c.state == str(JobState.READY), jobs.c.removed_at.is_(None))
            .where(jobs.c.source_kind == str(SourceKind.TORRENT))
            .group_by(jobs.c.id)
        )
        # Whose copy it is must not show, so of others only what is stored here counts (record 12).
        statement = statement.having(or_(mine, stored)) if everybody else statement.where(mine)
        return [HeldCopy(**row) for row in await many(self._connection, statement)]

    async def wanted(self, account_id: UUID, info_hash: str) -> bool:
        """See the port."""
        owner = select(accounts.c.user_id).where(accounts.c.id == account_id).scalar_subquery()
        concerned = or_(jobs.c.account_id == account_id, jobs.c.user_id == owner)
        current = and_(JOB_IS_CURRENT, jobs.c.info_hash == info_hash, concerned)
        return await first(self._connection, select(jobs.c.id).where(current).limit(1)) is not None
