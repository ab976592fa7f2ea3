"""Sums of each day, which charts are drawn from: how long a page takes must not depend on how much has happened.

Sums of jobs and of gateway calls are kept by triggers (migration 0013), in the transaction of what they count: whoever
writes a row, the sums are right, and after a crash both are there or neither. Jobs change in many transactions at the
same time, which would wait for each other at one row of sums; they add rows to ``usage_changes`` instead, which are
added up now and then.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Date, Double, ForeignKey, Identity, PrimaryKeyConstraint, Table, Text, Uuid

from sluicegate.core.account_calls import CallOutcome
from sluicegate.db.columns import one_of, owner
from sluicegate.db.schema import metadata

__all__ = ["DAILY_TABLES", "account_call_days", "gateway_days", "gateway_provider_days", "usage_changes", "usage_days"]

usage_days = Table(
    "usage_days",
    metadata,
    owner(primary_key=True),
    Column("day", Date, primary_key=True),
    Column("figure", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    comment="Figures of jobs by day; what is in usage_changes is to be added.",
)

usage_changes = Table(
    "usage_changes",
    metadata,
    Column("id", BigInteger, Identity(), nullable=False),
    # No foreign key: a row is added with every job that moves, and lives for less than a minute.
    Column("user_id", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Column("figure", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "id"),
    comment="Changes of usage_days that are not added up yet; only triggers write here.",
)

gateway_days = Table(
    "gateway_days",
    metadata,
    owner(primary_key=True),
    Column("day", Date, primary_key=True),
    Column("addon", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("spent_ms", Double, nullable=False),
)

gateway_provider_days = Table(
    "gateway_provider_days",
    metadata,
    owner(primary_key=True),
    Column("day", Date, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("spent_ms", Double, nullable=False),
)

account_call_days = Table(
    "account_call_days",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("calls", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    one_of("outcome", CallOutcome),
    comment="Upstream calls of each account by class and outcome; the ledger forgets them when they cost nothing more.",
)

DAILY_TABLES: Final = (usage_days, gateway_days, gateway_provider_days, account_call_days)
"""Tables whose rows go when their day is long over."""
