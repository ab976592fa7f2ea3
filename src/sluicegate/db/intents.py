"""Create intents in the database: they survive the crash that comes between an upstream create and its answer."""

from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.db.rows import first
from sluicegate.db.schema import intents

__all__ = ["Intents"]


class Intents:
    """Implements ``core.ports.IntentRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(self, job_id: UUID, provider: str, account_id: UUID | None) -> bool:
        """See the port."""
        statement = (
            insert(intents)
            .values(job_id=job_id, provider=provider, account_id=account_id)
            .on_conflict_do_nothing()
            .returning(intents.c.id)
        )
        return await first(self._connection, statement) is None

    async def close(self, job_id: UUID, provider: str, account_id: UUID | None) -> None:
        """See the port; closing twice is fine."""
        await self._connection.execute(
            delete(intents).where(
                intents.c.job_id == job_id,
                intents.c.provider == provider,
                intents.c.account_id.is_not_distinct_from(account_id),
            )
        )
