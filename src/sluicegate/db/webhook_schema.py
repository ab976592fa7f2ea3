"""The tables of webhooks: endpoints, signing secrets, events, deliveries and their attempts."""

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from sluicegate.core.webhooks import DeliveryState
from sluicegate.db.schema import metadata

__all__ = ["attempts", "deliveries", "endpoints", "events", "secrets"]

_Time: Final = DateTime(timezone=True)


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in sorted(words))})", name=column)


def _owner() -> Column[object]:
    return Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("failing_since", _Time),
    Index(None, "user_id", "created_at", "id"),
)

secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("expires_at", _Time),
    Index(None, "user_id", "endpoint_id"),
)

events = Table(
    "webhook_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("type", Text, nullable=False),
    # No foreign key: what was told stays readable when the job is gone.
    Column("job_id", Uuid),
    Column("payload", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Index(None, "created_at"),
    Index(None, "job_id", postgresql_where=text("job_id IS NOT NULL")),
    Index(None, "user_id"),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_id", Uuid, ForeignKey("webhook_events.id", ondelete="CASCADE"), nullable=False, index=True),
    _owner(),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), index=True),
    Column("url", Text, nullable=False),
    Column("receiver", String(32), nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("next_at", _Time, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("last_status", Integer),
    Column("words", Text, nullable=False),
    Column("finished_at", _Time),
    Column("replay_of", Uuid),
    _one_of("state", DeliveryState),
    Index("ix_webhook_deliveries_due", "receiver", "next_at", postgresql_where=text("state = 'pending'")),
    Index("ix_webhook_deliveries_next", "next_at", postgresql_where=text("state = 'pending'")),
    Index("ix_webhook_deliveries_list", "user_id", text("created_at DESC"), text("id DESC")),
)

attempts = Table(
    "webhook_attempts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("delivery_id", Uuid, ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", _Time, nullable=False),
    Column("status", Integer),
    Column("words", Text, nullable=False),
    Column("latency_ms", Integer, nullable=False),
)
