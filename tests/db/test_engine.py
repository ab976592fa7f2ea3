"""Connections of the pool: lost while they rested, needed by the next burst, needed by nobody any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.db.samples import a_user

from sluicegate.db.connector import Connector
from sluicegate.db.engine import make_engine
from sluicegate.db.unit_of_work import Transactions

_END = """SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ '^(COMMIT|ROLLBACK)'"""


async def test_connections_ended_a_moment_ago_are_replaced_unnoticed(transactions: Transactions, sql: Any):
    user = await a_user(transactions)
    async with transactions() as tx, transactions() as other:
        assert await tx.users.get(user.id) == await other.users.get(user.id) == user
    assert await sql.fetchval(_END) >= 2
    for _ in range(3):
        async with transactions() as tx:
            assert await tx.users.get(user.id) == user


AT_ONCE = 6


@asynccontextmanager
async def pool(connector: Connector, **options: Any) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(connector, pool_size=AT_ONCE, **options)
    try:
        yield engine
    finally:
        await engine.dispose()


async def burst(engine: AsyncEngine) -> set[int]:
    """Transactions side by side, each waiting for all others; the server processes that they were in."""
    together = asyncio.Barrier(AT_ONCE)

    async def one() -> int:
        async with engine.begin() as connection:
            await together.wait()
            return int(await connection.scalar(text("SELECT pg_backend_pid()")))

    async with asyncio.timeout(60):
        return set(await asyncio.gather(*(one() for _ in range(AT_ONCE))))


async def test_a_burst_uses_the_connections_of_the_one_before(connector: Connector):
    async with pool(connector) as engine:
        assert await burst(engine) == await burst(engine)


async def test_what_only_a_burst_needed_is_closed_after_a_rest_and_opened_again_when_needed(
    connector: Connector, sql: Any
):
    left = "SELECT array_agg(pid) FROM pg_stat_activity WHERE pid = ANY($1)"
    async with pool(connector, idle_seconds=0.3) as engine:
        before = await burst(engine)
        assert len(before) == AT_ONCE
        async with asyncio.timeout(60):
            while len(kept := await sql.fetchval(left, before) or []) > 2:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        assert sorted(await sql.fetchval(left, before)) == sorted(kept)
        assert len(kept) == 2
        after = await burst(engine)
        assert len(after) == AT_ONCE
        assert set(kept) <= after
        assert await burst(engine) == after


async def test_only_the_first_connection_of_a_process_asks_what_built_in_types_look_like(connector: Connector):
    asked: list[str] = []
    ids, moment = [uuid4()], [timedelta(days=1, seconds=2)]
    values = {"uuid": ids, "bytea": [b"a", None], "jsonb": ['{"a": 1}'], "interval": moment}
    for number in range(2):
        asked.clear()
        connection = await connector.connect()
        with connection.query_logger(lambda query: asked.append(query.query)):
            for kind, value in values.items():
                assert await connection.fetchval(f"SELECT $1::{kind}[]", value) == value
        await connection.execute(f"CREATE TYPE mood{number} AS ENUM ('sad', 'glad')")
        # What is no built-in type is asked for, and both kinds work beside each other.
        row = await connection.fetchrow(f"SELECT ARRAY['glad']::mood{number}[] AS moods, $1::uuid[] AS ids", ids)
        assert dict(row) == {"moods": ["glad"], "ids": ids}
        await connection.close()
    assert asked == [f"SELECT $1::{kind}[]" for kind in values]
