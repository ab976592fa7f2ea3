"""The tables beside ``media_jobs``: batches and counters."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)

from sluicegate.core.media_batches import BatchState
from sluicegate.db.columns import Time, owner
from sluicegate.db.schema import metadata

__all__ = ["media_batches", "media_usage"]

_STATES: Final = ", ".join(repr(str(state)) for state in sorted(BatchState))

media_batches = Table(
    "media_batches",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("state", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("source_url", Text),
    Column("folder", Text),
    Column("webhook_url", Text),
    Column("finished_at", Time),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    Index("ix_media_batches_list", "user_id", text("created_at DESC"), text("id DESC")),
)

media_usage = Table(
    "media_usage",
    metadata,
    owner(primary_key=True),
    Column("jobs_created", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
)
