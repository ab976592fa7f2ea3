"""Daily sums of accounts' calls in the database."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.account_calls import CallDay, CallOutcome, CallSum
from sluicegate.db.daily_schema import account_call_days
from sluicegate.db.schema import accounts

__all__ = ["AccountCalls"]

_kept = account_call_days.c

_COUNTS: Final = tuple(
    func.coalesce(func.sum(_kept["count"]).filter(_kept.outcome == str(one)), 0) for one in CallOutcome
)
"""The outcomes in the order of ``CallDay``."""

_TOGETHER: Final = (
    select(_kept.day, *_COUNTS)
    .join(accounts, accounts.c.id == _kept.account_id)
    .where(accounts.c.user_id == bindparam("owner"), _kept.day >= bindparam("since"))
    .group_by(_kept.day)
    .order_by(_kept.day)
)
_DAYS: Final = _TOGETHER.with_only_columns(_kept.account_id, _kept.day, *_COUNTS).group_by(_kept.account_id)

_CLASSES: Final = (
    select(_kept.account_id, _kept.day, _kept.calls, _kept.outcome, _kept["count"])
    .where(_kept.account_id == bindparam("account"), _kept.day >= bindparam("since"))
    .order_by(_kept.day, _kept.calls)
)

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

    async def of_user(self, user_id: UUID, *, since: date) -> dict[UUID, list[CallDay]]:
        """See the port."""
        found: defaultdict[UUID, list[CallDay]] = defaultdict(list)
        for account_id, day, *counts in await self._connection.execute(_DAYS, {"owner": user_id, "since": since}):
            found[account_id].append(CallDay(day, *map(int, counts)))
        return found

    async def together(self, user_id: UUID, *, since: date) -> list[CallDay]:
        """See the port."""
        rows = await self._connection.execute(_TOGETHER, {"owner": user_id, "since": since})
        return [CallDay(day, *map(int, counts)) for day, *counts in rows]

    async def of_account(self, account_id: UUID, *, since: date) -> list[CallSum]:
        """See the port."""
        rows = await self._connection.execute(_CLASSES, {"account": account_id, "since": since})
        return [
            CallSum(account, day, calls, CallOutcome(outcome), count) for account, day, calls, outcome, count in rows
        ]
