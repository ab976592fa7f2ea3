"""What was learnt about availability, and the counters of rate limits that all processes share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.learned import LearnedFact
from sluicegate.db.gateway_schema import facts, rates
from sluicegate.db.rows import columns_of, many

__all__ = ["Learned", "Rates"]

# One array for each column: as rows of parameters, the statement of every other number of counters is another one, and
# writing it down took longer than anything else that a busy gateway does at once.
_COUNT: Final = text(
    """
    INSERT INTO gateway_rates AS kept (bucket, "window", count)
    SELECT told.bucket, :window, told.count
    FROM unnest(CAST(:bucket AS text[]), CAST(:count AS bigint[])) AS told (bucket, count)
    ORDER BY told.bucket
    ON CONFLICT (bucket, "window") DO UPDATE SET count = kept.count + excluded.count
    RETURNING bucket, count
    """
)
"""In one order everywhere, so that two of these statements never wait for each other."""


class Learned:
    """Implements ``core.learned.LearnedRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def known(self, provider: str, hashes: Sequence[str]) -> list[LearnedFact]:
        """See the port."""
        statement = select(facts).where(facts.c.provider == provider, facts.c.info_hash.in_(hashes))
        return [LearnedFact(**row) for row in await many(self._connection, statement)]

    async def learn(self, new: Sequence[LearnedFact]) -> None:
        """See the port. Rows are locked in one order, so that two processes cannot wait for each other."""
        rows = sorted((columns_of(fact) for fact in new), key=lambda row: (row["provider"], row["info_hash"]))
        statement = insert(facts)
        changed = {name: statement.excluded[name] for name in ("cached", "seen_at", "name", "size")}
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["provider", "info_hash"],
                set_=changed,
                where=facts.c.seen_at < statement.excluded.seen_at,
            ),
            rows,
        )

    async def forget(self, before: datetime) -> None:
        """See the port."""
        await self._connection.execute(delete(facts).where(facts.c.seen_at < before))


class Rates:
    """Implements ``core.learned.RateRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, window: int, counts: Mapping[str, int]) -> dict[str, int]:
        """See the port."""
        if not counts:
            return {}
        columns = {"window": window, "bucket": list(counts), "count": list(counts.values())}
        kept = await self._connection.execute(_COUNT, columns)
        return {row["bucket"]: row["count"] for row in kept.mappings()}

    async def forget(self, before: int) -> None:
        """See the port."""
        await self._connection.execute(delete(rates).where(rates.c.window < before))
