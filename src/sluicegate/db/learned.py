"""What was learnt about availability, and the counters of rate limits that all processes share."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.learned import LearnedFact
from sluicegate.db.gateway_schema import facts, rates
from sluicegate.db.rows import columns_of, many

__all__ = ["Learned", "Rates"]


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
        """See the port: one statement, locking in one order."""
        rows = [{"bucket": bucket, "window": window, "count": counts[bucket]} for bucket in sorted(counts)]
        statement = insert(rates).values(rows)
        statement = statement.on_conflict_do_update(
            index_elements=["bucket", "window"], set_={"count": rates.c.count + statement.excluded.count}
        )
        returned = statement.returning(rates.c.bucket, rates.c.count)
        return {row["bucket"]: row["count"] for row in await many(self._connection, returned)}

    async def forget(self, before: int) -> None:
        """See the port."""
        await self._connection.execute(delete(rates).where(rates.c.window < before))
