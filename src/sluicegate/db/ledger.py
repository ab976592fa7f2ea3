"""The account ledger in the database: exact over all processes, and one statement for whatever asks at the same time.

Windows slide: a limit "250 calls in 60 seconds" holds for every 60 seconds, wherever they begin. Each call is a row
until it no longer counts; the function ``ledger_take`` (migration 0017) looks, decides and writes under a lock
of the account, in a transaction of its own.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sluicegate.core.errors import SluicegateError
from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import Allowance, LimitState, Outlook, RestState, Turn
from sluicegate.core.ports import Clock
from sluicegate.db.failures import translated
from sluicegate.db.held_connection import HeldConnection
from sluicegate.db.schema import ledger_rests

__all__ = ["HOLD_SECONDS", "DatabaseLedger"]

HOLD_SECONDS: Final = 70.0
"""A call that nobody told the end of (its process died) counts as if it ended so long after it was granted: longer than
one that is granted ahead of time may lie and then take."""

_MARGIN: Final = 0.05
"""Added to every window: our clock and the provider's do not tick together."""

_encode: Final = msgspec.json.Encoder().encode

_BATCH: Final = 200
"""Calls that one statement asks for at most; their accounts stay locked until it ends."""

_TAKE: Final = """
    SELECT turn.wait, turn.ticket, turn.reason, turn.spare
    FROM ROWS FROM (json_to_recordset($1::text::json) AS (
            account text, calls text, scopes text[], counts int[], spans float8[], keep float8, ended bigint[],
            ahead int, unused bigint[]
        )) WITH ORDINALITY AS asked (account, calls, scopes, counts, spans, keep, ended, ahead, unused, place),
        LATERAL ledger_take(asked.account, asked.calls, asked.scopes, asked.counts, asked.spans, asked.keep,
            $2::float8, asked.ended, $3::timestamptz, asked.ahead, asked.unused) AS turn
    ORDER BY asked.place
    """
"""It may run twice: a grant that nobody learns of counts as a call on its way, so too many count, never too few."""

_SETTLE: Final = """
    WITH told AS (SELECT coalesce($3::timestamptz, clock_timestamp()) AS at),
        over AS (
            UPDATE ledger_calls SET at = told.at FROM told WHERE id = ANY ($1::bigint[]) AND ledger_calls.at > told.at
        )
    DELETE FROM ledger_calls WHERE id = ANY ($2::bigint[])
    """

_USED: Final = text(
    """
    SELECT counted.used, counted.oldest + make_interval(secs => asked.span) AS refills_at
    FROM (SELECT coalesce(CAST(:told AS timestamptz), clock_timestamp()) AS at) AS moment,
        unnest(CAST(:account AS text[]), CAST(:calls AS text[]), CAST(:span AS float8[]))
            WITH ORDINALITY AS asked (account, calls, span, place),
        LATERAL (
            SELECT count(*) AS used, min(least(made.at, moment.at)) AS oldest FROM ledger_calls AS made
            WHERE made.account = asked.account AND made.at >= moment.at - make_interval(secs => asked.span)
                AND (asked.calls = '*' OR made.calls = ANY (string_to_array(asked.calls, ' ')))
        ) AS counted
    ORDER BY asked.place
    """
)
_RESTING: Final = text(
    """
    SELECT account, calls, until, reason FROM ledger_rests
    WHERE account = ANY (CAST(:accounts AS text[])) AND until > coalesce(CAST(:told AS timestamptz), clock_timestamp())
    ORDER BY calls
    """
)


@dataclass(slots=True)
class _Asked:
    """A call that waits for its turn."""

    account: str
    calls: str
    allowances: Sequence[Allowance]
    ended: Sequence[int]
    unused: Sequence[int]
    ahead: int
    turn: asyncio.Future[Turn]

    def row(self) -> dict[str, object]:
        """The arguments of ``ledger_take``."""
        spans = [allowance.limit.seconds + _MARGIN for allowance in self.allowances]
        return {
            "account": self.account,
            "calls": self.calls,
            "scopes": [allowance.limit.calls for allowance in self.allowances],
            "counts": [allowance.count for allowance in self.allowances],
            "spans": spans,
            "keep": max(spans, default=0.0),
            "ended": self.ended,
            "ahead": self.ahead,
            "unused": self.unused,
        }


class DatabaseLedger:
    """Implements ``core.pacing.Ledger``.

    Args:
        engine: where the tables are.
        turns: the connection that turns are taken on; its owner closes it.
        clock: time to use instead of the database's own, which all processes share; for worlds whose time is driven.
        hold: see ``HOLD_SECONDS``; longer than any call may take.
    """

    def __init__(
        self, engine: AsyncEngine, turns: HeldConnection, clock: Clock | None = None, *, hold: float = HOLD_SECONDS
    ) -> None:
        # Each statement commits itself: a transaction around it would be two more round trips.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._held = turns
        self._clock = clock
        self._hold = hold
        self._waiting: list[_Asked] = []
        self._asking: asyncio.Task[None] | None = None
        self._unused: defaultdict[str, tuple[int, ...]] = defaultdict(tuple)

    async def take(
        self, account: str, calls: str, allowances: Sequence[Allowance], *, ended: Sequence[int], ahead: int = 0
    ) -> Turn:
        """See the port. Whatever is asked while a statement is on its way goes together into the next one."""
        turn: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(account, calls, allowances, ended, self._unused.pop(account, ()), ahead, turn))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="account ledger")
        return await turn

    async def _ask(self) -> None:
        while self._waiting:  # looked at without a wait before this ends: nothing can be left behind
            asked: list[_Asked] = []
            try:
                # In one order everywhere, so that two of these statements never wait for each other.
                asked = sorted(self._waiting[:_BATCH], key=attrgetter("account"))
                del self._waiting[:_BATCH]
                self._answer(asked, await self._turns(asked))
            except BaseException as error:  # nobody may wait for an answer that never comes
                self._fail((*asked, *self._waiting), error)
                self._waiting.clear()
                if not isinstance(error, SluicegateError):
                    raise

    def _fail(self, asked: Iterable[_Asked], error: BaseException) -> None:
        for each in asked:
            if not each.turn.done():
                each.turn.set_exception(error) if isinstance(error, Exception) else each.turn.cancel()

    async def _turns(self, asked: Sequence[_Asked]) -> list[Turn]:
        # As one text: the driver looks at each element of an array several times over before it sends it.
        rows = _encode([each.row() for each in asked]).decode()
        found = await self._held.fetch(_TAKE, rows, self._hold, self._told())
        return [Turn(wait, ticket, reason or "", tuple(spare or ())) for wait, ticket, reason, spare in found]

    def _answer(self, asked: Sequence[_Asked], turns: Sequence[Turn]) -> None:
        for each, turn in zip(asked, turns, strict=True):
            if not each.turn.done():
                each.turn.set_result(turn)
            elif turn.ticket is not None:
                # Whoever asked has gone: the call was never made, which is told with the account's next one.
                self._unused[each.account] += (turn.ticket, *turn.spare)

    async def settle(self, *, ended: Sequence[int], unused: Sequence[int]) -> None:
        """See the port."""
        await self._held.fetch(_SETTLE, list(ended), list(unused), self._told())

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
        (outlook,) = await self.outlooks({account: limits})
        return outlook.limits

    async def outlooks(self, accounts: Mapping[str, Sequence[CallLimit]]) -> list[Outlook]:
        """See the port."""
        asked = [(account, limit) for account, limits in accounts.items() for limit in limits]
        windows = {
            "account": [account for account, _ in asked],
            "calls": [limit.calls for _, limit in asked],
            "span": [limit.seconds + _MARGIN for _, limit in asked],
            "told": self._told(),
        }
        with translated():
            async with self._engine.connect() as connection:
                used = (await connection.execute(_USED, windows)).all() if asked else ()
                resting = await connection.execute(_RESTING, {"accounts": list(accounts), "told": self._told()})
        states: defaultdict[str, list[LimitState]] = defaultdict(list)
        for (account, limit), row in zip(asked, used, strict=True):
            states[account].append(LimitState(limit, row.used, row.refills_at))
        rests: defaultdict[str, list[RestState]] = defaultdict(list)
        for row in resting:
            rests[row.account].append(RestState(row.calls, row.until, row.reason))
        return [Outlook(tuple(states[account]), tuple(rests[account])) for account in accounts]

    async def rests(self, account: str) -> tuple[RestState, ...]:
        """See the port."""
        (outlook,) = await self.outlooks({account: ()})
        return outlook.rests

    def _told(self) -> datetime | None:
        return self._clock.now() if self._clock else None

    async def _now(self, connection: AsyncConnection) -> datetime:
        told = self._told()
        return told if told is not None else (await connection.execute(select(func.clock_timestamp()))).scalar_one()
