"""The tables of webhooks: endpoints, signing secrets, events, deliveries and their attempts."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
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
from sluicegate.db.columns import Time, one_of, owner
from sluicegate.db.schema import metadata

__all__ = ["attempts", "deliveries", "endpoints", "events", "secrets"]


endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("failing_since", Time),
    Index(None, "user_id", "created_at", "id"),
)

secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
    Index(None, "user_id", "endpoint_id"),
)

events = Table(
    "webhook_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("type", Text, nullable=False),
    # No foreign key: what was told stays readable when the job is gone.
    Column("job_id", Uuid),
    Column("payload", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Index(None, "created_at"),
    Index(None, "job_id", postgresql_where=text("job_id IS NOT NULL")),
    Index(None, "user_id"),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_id", Uuid, ForeignKey("webhook_events.id", ondelete="CASCADE"), nullable=False, index=True),
    owner(),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), index=True),
    Column("url", Text, nullable=False),
    Column("receiver", String(32), nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("next_at", Time, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("last_status", Integer),
    Column("words", Text, nullable=False),
    Column("finished_at", Time),
    Column("replay_of", Uuid),
    one_of("state", DeliveryState),
    Index("ix_webhook_deliveries_due", "receiver", "next_at", postgresql_where=text("state = 'pending'")),
    Index("ix_webhook_deliveries_next", "next_at", postgresql_where=text("state = 'pending'")),
    Index("ix_webhook_deliveries_list", "user_id", text("created_at DESC"), text("id DESC")),
)

attempts = Table(
    "webhook_attempts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("delivery_id", Uuid, ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Time, nullable=False),
    Column("status", Integer),
    Column("words", Text, nullable=False),
    Column("latency_ms", Integer, nullable=False),
)
