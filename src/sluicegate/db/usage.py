"""Usage counters of the library in the database."""

from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.feeds import Verdict
from sluicegate.core.usage import Counter, LibraryUsage, Period
from sluicegate.core.usage_history import Figure
from sluicegate.db.feed_schema import feed_items, feeds
from sluicegate.db.people_schema import usage_counters
from sluicegate.db.rows import first, many
from sluicegate.db.schema import users
from sluicegate.db.usage_history import figures_of

__all__ = ["Usage"]


class Usage:
    """Implements ``core.usage.UsageRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, user_id: UUID, period: Period, counter: Counter, amount: int) -> None:
        """See the port."""
        values = select(users.c.id, literal(period.name), literal(str(counter)), literal(amount))
        source = values.where(users.c.id == user_id)
        statement = insert(usage_counters).from_select(["user_id", "period", "counter", "value"], source)
        total = usage_counters.c.value + statement.excluded.value
        key = ["user_id", "period", "counter"]
        await self._connection.execute(statement.on_conflict_do_update(index_elements=key, set_={"value": total}))

    async def of(self, user_id: UUID, period: Period) -> LibraryUsage:
        """See the port."""
        counted = await figures_of(self._connection, user_id, period.start.date(), period.end.date())
        chosen = select(usage_counters.c.counter, usage_counters.c.value).where(
            usage_counters.c.user_id == user_id, usage_counters.c.period == period.name
        )
        values = {row["counter"]: row["value"] for row in await many(self._connection, chosen)}
        return LibraryUsage(
            period=period,
            jobs_submitted=counted.get(Figure.JOBS, 0),
            jobs_ready=counted.get(Figure.JOBS_READY, 0),
            bytes_streamed=values.get(Counter.BYTES_STREAMED, 0),
            stream_urls_minted=values.get(Counter.STREAM_URLS_MINTED, 0),
            rss_items_grabbed=await self._grabbed(user_id, period),
        )

    async def _grabbed(self, user_id: UUID, period: Period) -> int:
        statement = (
            select(func.count().label("count"))
            .join_from(feed_items, feeds, feeds.c.id == feed_items.c.feed_id)
            .where(feeds.c.user_id == user_id, feed_items.c.verdict == str(Verdict.SUBMITTED))
            .where(feed_items.c.seen_at >= period.start, feed_items.c.seen_at < period.end)
        )
        row = await first(self._connection, statement)
        return int(row["count"]) if row else 0
