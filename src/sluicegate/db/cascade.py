"""A user's conditions for the cascade in the database."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.cascade import CascadePreferences
from sluicegate.db.cascade_schema import cascade_preferences
from sluicegate.db.rows import columns_of, first

__all__ = ["CascadePreferenceRows"]


class CascadePreferenceRows:
    """Implements ``core.cascade.CascadePreferenceRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, user_id: UUID) -> CascadePreferences:
        """See the port."""
        columns = [column for column in cascade_preferences.c if column.name != "user_id"]
        statement = select(*columns).where(cascade_preferences.c.user_id == user_id)
        row = await first(self._connection, statement)
        return CascadePreferences() if row is None else CascadePreferences(**{**row, "prefer": tuple(row["prefer"])})

    async def put(self, user_id: UUID, preferences: CascadePreferences) -> None:
        """See the port."""
        values = columns_of(preferences) | {"prefer": list(preferences.prefer)}
        statement = insert(cascade_preferences).values(user_id=user_id, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))
