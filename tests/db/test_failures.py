"""What the database refuses, in the core's words: a value that no column holds is the sender's fault, the rest ours."""

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import text

from sluicegate.core.errors import InternalError, InvalidInput
from sluicegate.db.failures import translated
from sluicegate.db.unit_of_work import Transactions


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "a\0b"),
        ("bigint", 1 << 70),
        ("int", 1 << 40),
        ("timestamptz", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
        ("timestamptz", datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=5)))),
    ],
)
async def test_a_value_that_no_column_holds_is_the_senders_fault(transactions: Transactions, kind: str, value: object):
    with pytest.raises(InvalidInput, match="cannot be kept"):
        await _ask(transactions, f"SELECT CAST(:value AS {kind})", value)


@pytest.mark.parametrize(
    ("statement", "value"),
    [("SELECT nothing FROM nowhere WHERE :value IS NULL", 1), ("SELECT CAST(:value AS int)", "a"),
     ("SELECT CAST(:value AS timestamptz)", 5), ("SELECT 1 / (CAST(:value AS int) - 1)", 1)],
)  # fmt: skip
async def test_a_wrong_statement_is_ours(transactions: Transactions, statement: str, value: object):
    with pytest.raises(InternalError, match="refused a statement"):
        await _ask(transactions, statement, value)


async def _ask(transactions: Transactions, statement: str, value: object) -> object:
    with translated():
        async with transactions._engine.begin() as connection:
            return (await connection.execute(text(statement), {"value": value})).scalar()
