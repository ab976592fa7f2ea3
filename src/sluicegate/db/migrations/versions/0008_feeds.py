"""Feeds: what is polled, what was seen there, what the operator blocks, titles that were looked up, and their keys."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_KINDS_BEFORE = "kind IN ('library', 'media', 'proxy')"
_KINDS = "kind IN ('feed', 'library', 'media', 'proxy', 'stremio')"


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "feeds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed_url", sa.LargeBinary(), nullable=False),
        sa.Column("filter_regex", sa.Text(), nullable=False),
        sa.Column("filter_quality", sa.Text(), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("primed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("polling_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("filter_quality IN ('1080p', '4k', 'any')", name=op.f("ck_feeds_filter_quality")),
        sa.CheckConstraint("interval >= 300", name=op.f("ck_feeds_interval")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_feeds_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feeds")),
    )
    op.create_index(op.f("ix_feeds_user_id_created_at_id"), "feeds", ["user_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_feeds_next_poll_at"), "feeds", ["next_poll_at"], unique=False)
    op.create_table(
        "feed_items",
        sa.Column("feed_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("info_hash", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('backlog', 'duplicate', 'filtered', 'refused', 'retry', 'submitted')",
            name=op.f("ck_feed_items_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["feed_id"], ["feeds.id"], name=op.f("fk_feed_items_feed_id_feeds"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("feed_id", "key", name=op.f("pk_feed_items")),
    )
    op.create_index(op.f("ix_feed_items_feed_id_seen_at"), "feed_items", ["feed_id", "seen_at"], unique=False)
    op.create_index(op.f("ix_feed_items_info_hash"), "feed_items", ["info_hash"], unique=False)
    op.create_table(
        "blocklists",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_blocklists")),
    )
    op.create_table(
        "titles",
        sa.Column("imdb_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('movie', 'series')", name=op.f("ck_titles_kind")),
        sa.PrimaryKeyConstraint("imdb_id", "kind", name=op.f("pk_titles")),
    )
    op.drop_constraint(op.f("ck_keys_kind"), "keys", type_="check")
    op.create_check_constraint(op.f("ck_keys_kind"), "keys", _KINDS)


def downgrade() -> None:
    """Removes them; keys of the new kinds would not be understood by the version before."""
    op.execute("DELETE FROM keys WHERE kind IN ('feed', 'stremio')")
    op.drop_constraint(op.f("ck_keys_kind"), "keys", type_="check")
    op.create_check_constraint(op.f("ck_keys_kind"), "keys", _KINDS_BEFORE)
    for table in ("titles", "blocklists", "feed_items", "feeds"):
        op.drop_table(table)
