"""The tables, as SQLAlchemy Core describes them. ``migrations`` brings a database to this shape; a test compares both.

Column names are the attribute names of the core values. Times are ``timestamptz``, sealed things ``bytea``, states text
with a check. PgQueuer's tables are its own business and live in their own schema (``queue_schema``).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sluicegate.core.accounts import AccountState
from sluicegate.core.jobs import ACTIVE_STATES, JobState
from sluicegate.core.keys import KeyKind
from sluicegate.core.media_jobs import MediaState, MediaStep
from sluicegate.core.sources import SourceKind
from sluicegate.db.columns import Time, one_of, owner

__all__ = [
    "JOB_IS_ACTIVE",
    "JOB_IS_CURRENT",
    "JOB_IS_KEPT",
    "JOB_IS_LISTED",
    "MEDIA_IS_ACTIVE",
    "MEDIA_IS_ADMITTED",
    "MEDIA_WAITS",
    "accounts",
    "files",
    "intents",
    "jobs",
    "keys",
    "ledger_calls",
    "ledger_rests",
    "media_jobs",
    "metadata",
    "traces",
    "uploads",
    "users",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _words(words: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


JOB_IS_ACTIVE: Final = text(f"state IN ({_words(ACTIVE_STATES)})")
JOB_IS_LISTED: Final = text("removed_at IS NULL")
JOB_IS_KEPT: Final = text("state = 'ready' AND account_id IS NOT NULL AND removed_at IS NULL")
"""Ready jobs whose files a provider keeps: their transfers are looked for now and then."""
JOB_IS_CURRENT: Final = text("state NOT IN ('cancelled', 'failed')")
"""A user has at most one job per hash for which this holds; a failed or cancelled one may be submitted again."""
MEDIA_IS_ACTIVE: Final = text(f"state IN ({_words(state for state in MediaState if not state.over)})")
MEDIA_WAITS: Final = text(f"{MEDIA_IS_ACTIVE.text} AND admitted_at IS NULL AND enqueued_at IS NOT NULL")
"""Media jobs in line for a place at work."""
MEDIA_IS_ADMITTED: Final = text(f"{MEDIA_IS_ACTIVE.text} AND admitted_at IS NOT NULL")


def _job(*, primary_key: bool = False) -> Column[object]:
    return Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)


users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("kind", Text, nullable=False),
    Column("prefix", Text, nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("sealed", LargeBinary),
    Column("created_at", Time, nullable=False),
    Column("last_used_at", Time),
    Column("revoked_at", Time),
    one_of("kind", KeyKind),
    Index(None, "user_id", "created_at", "id"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("provider", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("base_url", Text),
    Column("reason", Text, nullable=False),
    Column("checked_at", Time),
    Column("facts", JSONB),
    Column("token_hint", Text, nullable=False),
    Column("sealed_token", LargeBinary, nullable=False),
    Column("sealed_proxy", LargeBinary),
    Column("created_at", Time, nullable=False),
    one_of("state", AccountState),
    UniqueConstraint("user_id", "provider", "label"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("info_hash", String(40), nullable=False),
    Column("source_kind", Text, nullable=False),
    Column("source_uri", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger),
    Column("progress", Double, nullable=False),
    Column("speed", BigInteger),
    Column("provider", Text, nullable=False),
    # No foreign key: a job keeps the id of an account that was removed, as null means "no account needed".
    Column("account_id", Uuid),
    Column("transfer_id", Text, nullable=False),
    Column("cached_in", Text),
    Column("waiting", Text, nullable=False),
    Column("error_code", Text),
    Column("error", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Column("missing_since", Time),
    Column("missing", Text, nullable=False, server_default=text("''")),
    Column("removed_at", Time),
    Column("removed_from", Text),
    Column("removes_upstream", Boolean, nullable=False, server_default=text("false")),
    one_of("source_kind", SourceKind),
    one_of("state", JobState),
    CheckConstraint("info_hash ~ '^[0-9a-f]{40}$'", name="info_hash"),
    CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
    Index("uq_jobs_current", "user_id", "info_hash", unique=True, postgresql_where=JOB_IS_CURRENT),
    Index("ix_jobs_list", "user_id", text("created_at DESC"), text("id DESC"), postgresql_where=JOB_IS_LISTED),
    Index(
        "ix_jobs_list_by_state",
        "user_id",
        "state",
        text("created_at DESC"),
        text("id DESC"),
        postgresql_where=JOB_IS_LISTED,
    ),
    Index("ix_jobs_removed", "removed_at", postgresql_where=text("removed_at IS NOT NULL")),
    Index("ix_jobs_kept", "account_id", postgresql_where=JOB_IS_KEPT),
    Index("ix_jobs_in_flight", "provider", "account_id", postgresql_where=JOB_IS_ACTIVE),
    Index("ix_jobs_unfinished", "id", postgresql_where=JOB_IS_ACTIVE),
)

uploads = Table(
    "uploads",
    metadata,
    _job(primary_key=True),
    Column("raw", LargeBinary, nullable=False),
    comment="The uploaded .torrent or NZB of a job, apart from the row that lists read.",
)

files = Table(
    "files",
    metadata,
    Column("id", Uuid, primary_key=True),
    _job(),
    Column("index", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mime_type", Text),
    Column("locator", Text),
    Column("storage", Text),
    Column("stored_key", Text),
    UniqueConstraint("job_id", "index"),
    CheckConstraint("(storage IS NULL) = (stored_key IS NULL)", name="stored_whole"),
)

traces = Table(
    "traces",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    _job(),
    Column("at", Time, nullable=False),
    Column("rung", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("latency_ms", Integer),
    Index(None, "job_id", "id"),
)

intents = Table(
    "intents",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    _job(),
    Column("provider", Text, nullable=False),
    Column("account_id", Uuid),
    Column("opened_at", Time, nullable=False, server_default=text("now()")),
    Column("looked_at", Time),
    UniqueConstraint("job_id", "provider", "account_id", postgresql_nulls_not_distinct=True),
)

media_jobs = Table(
    "media_jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("url", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("options", JSONB, nullable=False),
    Column("result", JSONB, nullable=False),
    Column("progress", Double, nullable=False),
    Column("storage", Text),
    Column("stored_key", Text),
    Column("subtitle_key", Text),
    Column("thumbnail_key", Text),
    Column("batch_id", Uuid),
    Column("error_code", Text),
    Column("error", Text),
    Column("attempts", SmallInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Column("started_at", Time),
    Column("finished_at", Time),
    Column("bytes_done", BigInteger, nullable=False),
    Column("bytes_total", BigInteger),
    Column("speed", Double),
    Column("position", Integer, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("enqueued_at", Time),
    Column("admitted_at", Time),
    Column("not_before", Time),
    Column("waiting", Text),
    Column("reserved_bytes", BigInteger, nullable=False),
    Column("retry_of", Uuid),
    one_of("state", MediaState),
    one_of("step", MediaStep),
    CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
    Index("ix_media_jobs_list", "user_id", text("created_at DESC"), text("id DESC")),
    Index("ix_media_jobs_list_by_state", "user_id", "state", text("created_at DESC"), text("id DESC")),
    Index("ix_media_jobs_batch", "batch_id", "state", "position", "id", postgresql_where=text("batch_id IS NOT NULL")),
    Index("ix_media_jobs_unfinished", "id", postgresql_where=MEDIA_IS_ACTIVE),
    Index(
        "ix_media_jobs_waiting",
        "user_id",
        text("priority DESC"),
        "enqueued_at",
        "position",
        "id",
        postgresql_where=MEDIA_WAITS,
    ),
    Index("ix_media_jobs_admitted", "user_id", "host", postgresql_where=MEDIA_IS_ADMITTED),
    Index("ix_media_jobs_ended", "user_id", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    Index("ux_media_jobs_stored", "storage", "stored_key", unique=True),
)

ledger_calls = Table(
    "ledger_calls",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    # No foreign key: an account's token is tried before the account is kept.
    Column("account", Text, nullable=False),
    Column("calls", Text, nullable=False),
    Column("at", Time, nullable=False),
    Index(None, "account", "at"),
    Index(None, "account", "calls", "at"),
    comment="Upstream calls that still count; 'at' is when one ended, or while it is on its way the latest it can.",
)

ledger_rests = Table(
    "ledger_rests",
    metadata,
    Column("account", Text, primary_key=True),
    Column("calls", Text, primary_key=True),
    Column("until", Time, nullable=False),
    Column("reason", Text, nullable=False),
    comment="Classes of calls ('*' for all) that rest because the provider asked for it.",
)
