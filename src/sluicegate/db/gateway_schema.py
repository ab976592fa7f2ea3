"""The gateway's tables: add-ons, policies, audits, what was learnt, and shared counters."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from sluicegate.core.addons import AddonState
from sluicegate.core.policies import Subject, Verdict
from sluicegate.db.columns import Time, one_of, owner
from sluicegate.db.schema import metadata

__all__ = ["CHANNEL", "addon_secrets", "addons", "audits", "facts", "policies", "provider_audits", "rates"]

CHANNEL: Final = "sluicegate_access"
"""Notices from triggers: whatever decides who may call has changed."""


addons = Table(
    "addons",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("created_at", Time, nullable=False),
    Column("decided_at", Time),
    one_of("state", AddonState),
)

addon_secrets = Table(
    "addon_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("addon_id", Uuid, ForeignKey("addons.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
)

policies = Table(
    "policies",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("key_id", Uuid, ForeignKey("keys.id", ondelete="CASCADE"), index=True),
    Column("verdict", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    one_of("verdict", Verdict),
    one_of("subject", Subject),
    UniqueConstraint("user_id", "key_id", "verdict", "subject", "value", postgresql_nulls_not_distinct=True),
)

audits = Table(
    "gateway_request_audits",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("created_at", Time, nullable=False),
    Column("addon", Text, nullable=False),
    Column("addon_proven", Boolean, nullable=False),
    owner(nullable=True),
    # No foreign key: the history stays when its key is deleted, and refused calls may name none.
    Column("key_id", Uuid),
    Column("caller_ip", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("providers", ARRAY(Text), nullable=False),
    Column("http_status", SmallInteger, nullable=False),
    Column("error_code", Text),
    Column("duration_ms", Double, nullable=False),
    Column("upstream_ms", Double, nullable=False),
    Index("ix_gateway_request_audits_user", "user_id", text("created_at DESC")),
    Index("ix_gateway_request_audits_addon", "user_id", "addon", text("created_at DESC")),
    Index(None, "created_at"),
)

provider_audits = Table(
    "gateway_provider_audits",
    metadata,
    Column("request_id", Uuid, ForeignKey(audits.c.request_id, ondelete="CASCADE"), primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("provider", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("error_code", Text),
    Column("upstream_code", Text, nullable=False),
    Column("duration_ms", Double, nullable=False),
)

facts = Table(
    "availability_facts",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("info_hash", String(40), primary_key=True),
    Column("cached", Boolean, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger),
    Index(None, "seen_at"),
)

rates = Table(
    "gateway_rates",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("window", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    prefixes=["UNLOGGED"],
)
