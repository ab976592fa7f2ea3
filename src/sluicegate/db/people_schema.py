"""The tables about people: identities, limits, plans, preferences, stream proxies, usage and repeated requests."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
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

_Time: Final = DateTime(timezone=True)


def _user(*, primary_key: bool = False, nullable: bool = False) -> Column[object]:
    owner = ForeignKey("users.id", ondelete="CASCADE")
    return Column("user_id", Uuid, owner, nullable=nullable, primary_key=primary_key)


def _words(column: str, words: type[ProxyCheck | ProxyKind | Counter]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in sorted(words))})", name=column)


identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    _user(),
    Column("created_at", _Time, nullable=False),
    Index(None, "user_id"),
)

user_limits = Table(
    "user_limits",
    metadata,
    _user(primary_key=True),
    Column("storage_bytes", BigInteger),
    Column("concurrent", Integer),
    Column("max_resolution", Text),
    Column("max_duration", Integer),
    Column("max_bytes", BigInteger),
)

entitlements = Table(
    "entitlements",
    metadata,
    _user(primary_key=True),
    Column("facts", JSONB, nullable=False),
    Column("told_at", _Time, nullable=False),
    comment="What the billing service said last about a user's plan.",
)

preferences = Table(
    "preferences",
    metadata,
    _user(primary_key=True),
    Column("chosen", JSONB, nullable=False),
)

stream_proxies = Table(
    "stream_proxies",
    metadata,
    _user(primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("token_hint", Text, nullable=False),
    Column("sealed_token", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("checked_at", _Time),
    Column("created_at", _Time, nullable=False),
    Column("updated_at", _Time, nullable=False),
    _words("kind", ProxyKind),
    _words("state", ProxyCheck),
)

usage_counters = Table(
    "usage_counters",
    metadata,
    _user(primary_key=True),
    Column("period", Date, primary_key=True),
    Column("counter", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    _words("counter", Counter),
)

repeats = Table(
    "repeats",
    metadata,
    Column("id", Uuid, primary_key=True),
    # A caller of the gateway may have no user here.
    _user(nullable=True),
    Column("owner", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("held_until", _Time, nullable=False),
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
