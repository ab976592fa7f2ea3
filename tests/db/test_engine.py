"""Connections of the pool that were lost while they rested."""

from typing import Any

from tests.db.samples import a_user

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
