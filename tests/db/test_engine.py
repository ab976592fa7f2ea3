"""Connections of the pool that were lost while they rested."""

from typing import Any

import asyncpg
import pytest
from tests.db.samples import a_user

from sluicegate.db import engine
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


async def test_a_loss_that_closed_nothing_is_found_by_a_probe(
    transactions: Transactions, sql: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "_TRUSTED_SECONDS", -1.0)
    user = await a_user(transactions)
    assert await sql.fetchval(_END) >= 1
    unaware, is_closed = iter([False]), asyncpg.Connection.is_closed
    monkeypatch.setattr(asyncpg.Connection, "is_closed", lambda self: next(unaware, is_closed(self)))
    async with transactions() as tx:
        assert await tx.users.get(user.id) == user
    assert next(unaware, None) is None, "nobody has asked"
