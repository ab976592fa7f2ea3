"""Daily sums of accounts' calls in the database."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.account_calls import CallOutcome, CallSum
from sluicegate.db.daily_schema import account_call_days
from sluicegate.db.rows import many
from sluicegate.db.schema import accounts

__all__ = ["AccountCalls"]

_kept = account_call_days.c

_ADD: Final = text(
    """
    INSERT INTO account_call_days AS kept (account_id, day, calls, outcome, count)
    SELECT told.account_id, told.day, told.calls, told.outcome, told.count
    FROM unnest(CAST(:account_id AS uuid[]), CAST(:day AS date[]), CAST(:calls AS text[]), CAST(:outcome AS text[]),
        CAST(:count AS bigint[])) AS told (account_id, day, calls, outcome, count)
    JOIN accounts ON accounts.id = told.account_id
    ORDER BY told.account_id, told.day, told.calls, told.outcome
    ON CONFLICT (account_id, day, calls, outcome) DO UPDATE SET count = kept.count + excluded.count
    """
)
"""In one order everywhere, so that two of these statements never wait for each other."""


class AccountCalls:
    """Implements ``core.account_calls.AccountCallRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, sums: Sequence[CallSum]) -> None:
        """See the port."""
        if not sums:
            return
        columns = {name: [getattr(one, name) for one in sums] for name in ("account_id", "day", "calls", "count")}
        await self._connection.execute(_ADD, columns | {"outcome": [str(one.outcome) for one in sums]})

    async def of_user(self, user_id: UUID, *, since: date) -> list[CallSum]:
        """See the port."""
        statement = (
            select(_kept.account_id, _kept.day, literal("").label("calls"), _kept.outcome, _summed())
            .join(accounts, accounts.c.id == _kept.account_id)
            .where(accounts.c.user_id == user_id, _kept.day >= since)
            .group_by(_kept.account_id, _kept.day, _kept.outcome)
            .order_by(_kept.day, _kept.account_id)
        )
        return await self._sums(statement)

    async def of_account(self, account_id: UUID, *, since: date) -> list[CallSum]:
        """See the port."""
        statement = (
            select(_kept.account_id, _kept.day, _kept.calls, _kept.outcome, _kept["count"])
            .where(_kept.account_id == account_id, _kept.day >= since)
            .order_by(_kept.day, _kept.calls)
        )
        return await self._sums(statement)

    async def _sums(self, statement: Select[Any]) -> list[CallSum]:
        rows = await many(self._connection, statement)
        return [CallSum(**{**row, "outcome": CallOutcome(row["outcome"]), "count": int(row["count"])}) for row in rows]


def _summed() -> Any:  # noqa: ANN401 - a column
    return func.sum(_kept["count"]).label("count")
