"""The account ledger in the database: one statement per upstream call, exact over all processes.

Windows slide: a limit "250 calls in 60 seconds" holds for every 60 seconds, wherever they begin. Each call is a row
until it no longer counts; the function ``ledger_take`` (migration 0002) looks, decides and writes under a lock of the
account, in a transaction of its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import EVERY_CALL, Allowance, LimitState, RestState, Turn
from sluicegate.core.ports import Clock
from sluicegate.db.failures import translated
from sluicegate.db.rows import many, one
from sluicegate.db.schema import ledger_calls, ledger_rests

__all__ = ["HOLD_SECONDS", "DatabaseLedger"]

HOLD_SECONDS: Final = 60.0
"""A call that nobody told the end of (its process died) counts as if it ended so long after it was granted."""

_MARGIN: Final = 0.05
"""Added to every window: our clock and the provider's do not tick together."""

_TAKE: Final = text(
    "SELECT wait, ticket, reason FROM ledger_take(:account, :calls, CAST(:scopes AS text[]), CAST(:counts AS int[]), "
    "CAST(:spans AS float8[]), :keep, :hold, CAST(:ended AS bigint[]), CAST(:told AS timestamptz))"
)


class DatabaseLedger:
    """Implements ``core.pacing.Ledger``.

    Args:
        engine: where the tables are.
        clock: time to use instead of the database's own, which all processes share; for worlds whose time is driven.
        hold: see ``HOLD_SECONDS``; longer than any call may take.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock | None = None, *, hold: float = HOLD_SECONDS) -> None:
        # Each statement commits itself: a transaction around it would be two more round trips.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._hold = hold

    async def take(self, account: str, calls: str, allowances: Sequence[Allowance], *, ended: Sequence[int]) -> Turn:
        """See the port."""
        spans = [allowance.limit.seconds + _MARGIN for allowance in allowances]
        values = {
            "account": account,
            "calls": calls,
            "scopes": [allowance.limit.calls for allowance in allowances],
            "counts": [allowance.count for allowance in allowances],
            "spans": spans,
            "keep": max(spans, default=0.0),
            "hold": self._hold,
            "ended": list(ended),
            "told": self._told(),
        }
        with translated():
            async with self._engine.connect() as connection:
                row = (await connection.execute(_TAKE, values)).one()
        return Turn(row.wait, row.ticket, row.reason or "")

    async def rest(self, account: str, calls: Sequence[str], seconds: float, reason: str) -> None:
        """See the port."""
        with translated():
            async with self._engine.connect() as connection:
                until = await self._now(connection) + timedelta(seconds=seconds)
                # In one order everywhere, so that two of these statements never wait for each other.
                rows = [
                    {"account": account, "calls": name, "until": until, "reason": reason} for name in sorted(set(calls))
                ]
                statement = insert(ledger_rests).values(rows)
                new: Any = statement.excluded
                await connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["account", "calls"],
                        set_={"until": new.until, "reason": new.reason},
                        where=ledger_rests.c.until < new.until,
                    )
                )

    async def wake(self, account: str) -> None:
        """See the port."""
        with translated():
            async with self._engine.connect() as connection:
                await connection.execute(delete(ledger_rests).where(ledger_rests.c.account == account))

    async def limits(self, account: str, limits: Sequence[CallLimit]) -> tuple[LimitState, ...]:
        """See the port."""
        with translated():
            async with self._engine.connect() as connection:
                now = await self._now(connection)
                return tuple([await _state(connection, account, limit, now) for limit in limits])

    async def rests(self, account: str) -> tuple[RestState, ...]:
        """See the port."""
        with translated():
            async with self._engine.connect() as connection:
                statement = (
                    select(ledger_rests)
                    .where(ledger_rests.c.account == account, ledger_rests.c.until > await self._now(connection))
                    .order_by(ledger_rests.c.calls)
                )
                rows = await many(connection, statement)
                return tuple(RestState(row["calls"], row["until"], row["reason"]) for row in rows)

    def _told(self) -> datetime | None:
        return self._clock.now() if self._clock else None

    async def _now(self, connection: AsyncConnection) -> datetime:
        told = self._told()
        return told if told is not None else (await connection.execute(select(func.clock_timestamp()))).scalar_one()


async def _state(connection: AsyncConnection, account: str, limit: CallLimit, now: datetime) -> LimitState:
    window = timedelta(seconds=limit.seconds + _MARGIN)
    covered = true() if limit.calls == EVERY_CALL else ledger_calls.c.calls.in_(limit.calls.split())
    row = await one(
        connection,
        select(func.count().label("used"), func.min(func.least(ledger_calls.c.at, now)).label("oldest")).where(
            ledger_calls.c.account == account, covered, ledger_calls.c.at >= now - window
        ),
        "window",
    )
    return LimitState(limit, row["used"], row["oldest"] + window if row["oldest"] else None)
