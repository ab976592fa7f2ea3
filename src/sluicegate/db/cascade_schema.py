"""The cascade's tables: a user's conditions, how placed jobs get on, and who waits for a slot."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from sluicegate.db.columns import Time, owner
from sluicegate.db.schema import metadata

__all__ = ["cascade_preferences", "placements", "slot_waits"]


cascade_preferences = Table(
    "cascade_preferences",
    metadata,
    owner(primary_key=True),
    Column("prefer", ARRAY(Text), nullable=False),
    Column("only_cached", Boolean, nullable=False),
    Column("max_size", BigInteger),
    Column("min_seeds", Integer),
    CheckConstraint("max_size > 0", name="max_size"),
    CheckConstraint("min_seeds >= 0", name="min_seeds"),
)

placements = Table(
    "placements",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Text, nullable=False),
    Column("job_progress", Double, nullable=False),
    Column("progress", Double),
    Column("since", Time, nullable=False),
    Column("looked_at", Time),
    Column("leaving", Text, nullable=False),
    Index(None, "since"),
    comment="Since when each placed job has stood still; 'leaving' is the rule by which it looks for another way.",
)

slot_waits = Table(
    "slot_waits",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("since", Time, nullable=False),
    comment="Jobs that an account refused because all of its slots were taken.",
)
