"""Decision traces in the database, append-only."""

from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.trace import TraceEntry
from sluicegate.db.rows import columns_of, many, page_bounds
from sluicegate.db.schema import traces

__all__ = ["Traces"]


class Traces:
    """Implements ``core.ports.TraceRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, job_id: UUID, entry: TraceEntry) -> None:
        """See the port."""
        await self._connection.execute(insert(traces).values(**columns_of(entry), job_id=job_id))

    async def page(self, job_id: UUID, *, limit: int = 500, offset: int = 0, newest: bool = False) -> list[TraceEntry]:
        """See the port."""
        columns = (column for column in traces.c if column.name not in {"id", "job_id"})
        limit, offset = page_bounds(limit, offset)
        order = traces.c.id.desc() if newest else traces.c.id
        statement = select(*columns).where(traces.c.job_id == job_id).order_by(order).limit(limit).offset(offset)
        found = [TraceEntry(**row) for row in await many(self._connection, statement)]
        return found[::-1] if newest else found
