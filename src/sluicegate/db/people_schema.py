"""The tables about people: identities, limits, plans, preferences, stream proxies, usage and repeated requests."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from sluicegate.core.stream_proxies import ProxyCheck, ProxyKind
from sluicegate.core.usage import Counter
from sluicegate.db.columns import Time, one_of, owner
from sluicegate.db.schema import metadata

__all__ = [
    "entitlements",
    "identities",
    "master_key_marks",
    "preferences",
    "repeats",
    "stream_proxies",
    "usage_counters",
    "user_limits",
]


identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    owner(),
    Column("created_at", Time, nullable=False),
    Index(None, "user_id"),
)

user_limits = Table(
    "user_limits",
    metadata,
    owner(primary_key=True),
    Column("storage_bytes", BigInteger),
    Column("concurrent", Integer),
    Column("max_resolution", Text),
    Column("max_duration", Integer),
    Column("max_bytes", BigInteger),
)

entitlements = Table(
    "entitlements",
    metadata,
    owner(primary_key=True),
    Column("facts", JSONB, nullable=False),
    Column("told_at", Time, nullable=False),
    comment="What the billing service said last about a user's plan.",
)

preferences = Table(
    "preferences",
    metadata,
    owner(primary_key=True),
    Column("chosen", JSONB, nullable=False),
)

stream_proxies = Table(
    "stream_proxies",
    metadata,
    owner(primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("token_hint", Text, nullable=False),
    Column("sealed_token", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("checked_at", Time),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    one_of("kind", ProxyKind),
    one_of("state", ProxyCheck),
)

usage_counters = Table(
    "usage_counters",
    metadata,
    owner(primary_key=True),
    Column("period", Date, primary_key=True),
    Column("counter", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    one_of("counter", Counter),
)

repeats = Table(
    "repeats",
    metadata,
    Column("id", Uuid, primary_key=True),
    # A caller of the gateway may have no user here.
    owner(nullable=True),
    Column("owner", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("held_until", Time, nullable=False),
    Column("effective", Boolean, nullable=False),
    Column("status", SmallInteger),
    Column("sealed", LargeBinary),
    UniqueConstraint("owner", "key", "route"),
    CheckConstraint("(status IS NULL) = (sealed IS NULL)", name="answered_whole"),
    Index(None, "created_at"),
    Index(None, "user_id"),
    comment="Requests with an Idempotency-Key and their answers, for a day.",
)

master_key_marks = Table(
    "master_key_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    comment="Something sealed at the first start: a master key that does not open it is the wrong one.",
)
