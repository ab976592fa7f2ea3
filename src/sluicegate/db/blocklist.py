"""The blocklist's copy in the database: one list for every process of an installation."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.blocklist import BlocklistCopy
from sluicegate.db.feed_schema import blocklists
from sluicegate.db.rows import columns_of, first

__all__ = ["Blocklists"]


class Blocklists:
    """Implements ``core.blocklist.BlocklistRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, source: str) -> BlocklistCopy | None:
        """See the port."""
        row = await first(self._connection, select(blocklists).where(blocklists.c.source == source))
        return None if row is None else BlocklistCopy(**row)

    async def facts(self, source: str) -> BlocklistCopy | None:
        """See the port."""
        columns = [column for column in blocklists.c if column.name != "content"]
        row = await first(self._connection, select(*columns).where(blocklists.c.source == source))
        return None if row is None else BlocklistCopy(**row)

    async def version(self, source: str) -> int:
        """See the port."""
        row = await first(self._connection, select(blocklists.c.version).where(blocklists.c.source == source))
        return 0 if row is None else int(row["version"])

    async def put(self, copy: BlocklistCopy) -> None:
        """See the port."""
        values = columns_of(copy)
        statement = insert(blocklists).values(**values)
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["source"], set_={name: value for name, value in values.items() if name != "source"}
            )
        )
