"""Usage over time in the database: sums of days, which triggers keep."""

from collections.abc import Mapping
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, case, delete, func, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.usage import Counter
from sluicegate.core.usage_history import Figure, MonthOfStreams
from sluicegate.db.daily_schema import DAILY_TABLES, usage_changes, usage_days
from sluicegate.db.people_schema import usage_counters
from sluicegate.db.rows import many

__all__ = ["UsageHistory", "figures_of"]

_kept = union_all(
    *(
        select(table.c.day, table.c.figure, table.c.amount).where(
            table.c.user_id == bindparam("owner"), table.c.day >= bindparam("since")
        )
        for table in (usage_days, usage_changes)
    )
).subquery()
_FIGURES: Final = (
    select(_kept.c.figure, func.sum(_kept.c.amount).label("amount"))
    .where(_kept.c.day < bindparam("until"))
    .group_by(_kept.c.figure)
)
_DAYS: Final = select(_kept.c.day, _kept.c.figure, func.sum(_kept.c.amount).label("amount")).group_by(
    _kept.c.day, _kept.c.figure
)
"""One statement and so one moment: a change that is added up meanwhile counts once."""

_ADD_UP: Final = text(
    """
    WITH gone AS (
        DELETE FROM usage_changes WHERE (user_id, id) IN (
            SELECT user_id, id FROM usage_changes LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING user_id, day, figure, amount
    ), kept AS (
        INSERT INTO usage_days AS kept (user_id, day, figure, amount)
        SELECT gone.user_id, gone.day, gone.figure, sum(gone.amount)
        FROM gone JOIN users ON users.id = gone.user_id
        GROUP BY gone.user_id, gone.day, gone.figure ORDER BY gone.user_id, gone.day, gone.figure
        ON CONFLICT (user_id, day, figure) DO UPDATE SET amount = kept.amount + excluded.amount
    )
    SELECT count(*) FROM gone
    """
)
"""Rows that somebody else adds up at this moment are left to them; those of a user who is gone just go."""


async def figures_of(connection: AsyncConnection, user_id: UUID, since: date, until: date) -> Mapping[Figure, int]:
    """Sums over the days from ``since`` to the one before ``until``."""
    rows = await connection.execute(_FIGURES, {"owner": user_id, "since": since, "until": until})
    return {Figure(row.figure): int(row.amount) for row in rows}


class UsageHistory:
    """Implements ``core.usage_history.UsageHistoryRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def days(self, user_id: UUID, *, since: date) -> Mapping[tuple[date, Figure], int]:
        """See the port."""
        rows = await self._connection.execute(_DAYS, {"owner": user_id, "since": since})
        return {(row.day, Figure(row.figure)): int(row.amount) for row in rows}

    async def streams(self, user_id: UUID, *, since: date) -> list[MonthOfStreams]:
        """See the port."""
        month = usage_counters.c.period.label("month")
        statement = (
            select(month, *(_counted(counter) for counter in Counter))
            .where(usage_counters.c.user_id == user_id, usage_counters.c.period >= since)
            .group_by(month)
            .order_by(month)
        )
        return [
            MonthOfStreams(row["month"], *(int(row[str(counter)]) for counter in Counter))
            for row in await many(self._connection, statement)
        ]

    async def add_up(self, *, limit: int) -> int:
        """See the port."""
        return int((await self._connection.execute(_ADD_UP, {"limit": limit})).scalar_one())

    async def forget(self, before: date) -> int:
        """See the port."""
        gone = [await self._connection.execute(delete(table).where(table.c.day < before)) for table in DAILY_TABLES]
        return sum(result.rowcount for result in gone)


def _counted(counter: Counter) -> ColumnElement[int]:
    value = case((usage_counters.c.counter == str(counter), usage_counters.c.value))
    return func.coalesce(func.sum(value), 0).label(str(counter))
