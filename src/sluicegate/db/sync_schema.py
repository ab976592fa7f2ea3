"""The tables of sync: what the last listing of each account came to, and the order of each library."""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from sluicegate.core.looks import Outcome
from sluicegate.db.columns import Time
from sluicegate.db.schema import metadata

__all__ = ["library_order", "looks"]

_OUTCOMES: Final = ", ".join(repr(str(outcome)) for outcome in sorted(Outcome))

looks = Table(
    "account_looks",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("looked_at", Time, nullable=False),
    Column("whole_at", Time),
    Column("kept_at", Time),
    Column("listed", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("held_of", Integer, nullable=False),
    Column("held_since", Time),
    Column("confirmed", Integer, nullable=False, server_default=text("0")),
    Column("confirmed_until", Time),
    CheckConstraint(f"outcome IN ({_OUTCOMES})", name="outcome"),
    comment="What the last look at an account's listing came to, and what the brake on mass removal holds.",
)

library_order = Table(
    "library_order",
    metadata,
    Column("user_id", Uuid, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, unique=True),
    PrimaryKeyConstraint("user_id", "created_at", "job_id"),
    comment="The jobs that lists show, kept by triggers. Rows never change, unlike those of jobs, so that a far "
    "page is found in the index alone.",
)
