"""Tables around feeds: subscriptions, what was seen in them, the blocklist's copy, and titles that were looked up."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
)

from sluicegate.core.feeds import Quality, Verdict
from sluicegate.core.titles import TitleKind
from sluicegate.db.columns import Time, one_of, owner
from sluicegate.db.schema import metadata

__all__ = ["blocklists", "feed_items", "feeds", "titles"]


feeds = Table(
    "feeds",
    metadata,
    Column("id", Uuid, primary_key=True),
    owner(),
    Column("name", Text, nullable=False),
    Column("sealed_url", LargeBinary, nullable=False),
    Column("filter_regex", Text, nullable=False),
    Column("filter_quality", Text, nullable=False),
    Column("interval", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("primed_at", Time),
    Column("last_polled_at", Time),
    Column("next_poll_at", Time, nullable=False),
    Column("polling_until", Time),
    Column("failures", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    one_of("filter_quality", Quality),
    CheckConstraint("interval >= 300", name="interval"),
    Index(None, "user_id", "created_at", "id"),
    Index(None, "next_poll_at"),
)

feed_items = Table(
    "feed_items",
    metadata,
    Column("feed_id", Uuid, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("title", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("info_hash", String(40), nullable=False),
    # No foreign key: what was decided stays decided when the job is gone.
    Column("job_id", Uuid),
    Column("attempts", SmallInteger, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("listed_at", Time, nullable=False),
    one_of("verdict", Verdict),
    Index(None, "feed_id", "seen_at"),
    Index(None, "info_hash"),
)

blocklists = Table(
    "blocklists",
    metadata,
    Column("source", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("checked_at", Time),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
)

titles = Table(
    "titles",
    metadata,
    Column("imdb_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("year", SmallInteger),
    Column("fetched_at", Time, nullable=False),
    one_of("kind", TitleKind),
)
