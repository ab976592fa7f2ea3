"""What a turn of the account ledger costs: the statement that precedes every upstream call."""

import asyncio
import contextlib
import json
import secrets
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncpg
import uvloop
from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import data_folder

from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import Allowance, Turn
from sluicegate.db.database import Database, open_database
from sluicegate.db.ledger import DatabaseLedger
from sluicegate.services.vault import AesVault

_ACCOUNTS = 200
_CALLS = 20
"""Of each account, within the window, before anything is measured."""
_TURNS = 1_000
_PROVIDERS = 3
_LIMIT = Allowance(CallLimit("*", 300, 60), 300)
_EXPLAIN = """
    EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)
    SELECT * FROM ledger_take($1, 'account', '{*}', '{300}', '{60}', 60, 60, ARRAY[$2::bigint], NULL)
    """


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data:
        yield lambda: uvloop.run(_measure(data))


async def _measure(data: Path) -> Mapping[str, float]:
    async with open_database(data_dir=data, vault=AesVault(bytes(32))) as database:
        accounts = _Accounts(database.ledger())
        for _ in range(_CALLS):
            await asyncio.gather(*(accounts.take(f"account-{n}") for n in range(_ACCOUNTS)))
        one = [await accounts.timed(1, n) for n in range(_TURNS)]
        together = [await accounts.timed(_PROVIDERS, n) for n in range(_TURNS)]
        server = await _server_side(database, accounts)
    return {"one": statistics.median(one), "together": statistics.median(together), "server": statistics.median(server)}


class _Accounts:
    """Callers who tell the end of a call with the next one, as adapters do."""

    def __init__(self, ledger: DatabaseLedger) -> None:
        self._ledger = ledger
        self._round = secrets.token_hex(4)  # the calls of the round before count for a minute
        self.ended: dict[str, int] = {}

    async def take(self, account: str) -> Turn:
        """One turn; it comes at once."""
        account = f"{self._round}-{account}"
        ended = self.ended.pop(account, None)
        turn = await self._ledger.take(account, "account", [_LIMIT], ended=() if ended is None else (ended,))
        assert turn.ticket is not None, turn
        self.ended[account] = turn.ticket
        return turn

    async def timed(self, count: int, start: int) -> float:
        """Milliseconds until so many accounts that ask together have their turns."""
        began = time.perf_counter()
        await asyncio.gather(*(self.take(f"account-{(start * count + n) % _ACCOUNTS}") for n in range(count)))
        return (time.perf_counter() - began) * 1000


async def _server_side(database: Database, accounts: _Accounts) -> list[float]:
    """Milliseconds of the statement for one turn inside the database."""
    connection: asyncpg.Connection = await database._connector.connect()
    try:
        explain = await connection.prepare(_EXPLAIN)
        told = [json.loads(await explain.fetchval(*known)) for known in accounts.ended.items()]
    finally:
        await connection.close()
    return [plan[0]["Execution Time"] for plan in told]


ROW = Row(
    name="account ledger: a turn",
    how=f"{_ACCOUNTS} accounts with {_CALLS} calls in their window, asked in turn by one process over one connection "
    f"to the embedded database, each telling the end of its last call; medians of {_TURNS:,}: one account alone, "
    f"{_PROVIDERS} at the same time (one statement), and the statement for one by the database's own account",
    metrics=(
        Metric("one", "ms", "at most 1 ms", lambda medians, _: medians["sluicegate"] <= 1.0),
        Metric("together", "ms"),
        Metric("server", "ms"),
    ),
    sides={"sluicegate": _ours},
)
