"""Media jobs: batches, quotas, priorities and measured values."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_ACTIVE = "state IN ('Pending', 'Processing')"
_WAITS = f"{_ACTIVE} AND admitted_at IS NULL AND enqueued_at IS NOT NULL"


def upgrade() -> None:
    """Jobs that were accepted before stand in line from their creation."""
    time = sa.DateTime(timezone=True)
    for column in (
        sa.Column("bytes_done", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("bytes_total", sa.BigInteger()),
        sa.Column("speed", sa.Double()),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("priority", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("host", sa.Text(), nullable=False, server_default=""),
        sa.Column("enqueued_at", time),
        sa.Column("admitted_at", time),
        sa.Column("not_before", time),
        sa.Column("waiting", sa.Text()),
        sa.Column("reserved_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("retry_of", sa.Uuid()),
    ):
        op.add_column("media_jobs", column)
    op.execute("UPDATE media_jobs SET enqueued_at = created_at")
    for name in ("bytes_done", "position", "priority", "host", "reserved_bytes"):
        op.alter_column("media_jobs", name, server_default=None)
    _indexes()
    op.create_table(
        "media_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("source_url", sa.Text()),
        sa.Column("folder", sa.Text()),
        sa.Column("webhook_url", sa.Text()),
        sa.Column("finished_at", time),
        sa.CheckConstraint(
            "state IN ('completed', 'finished', 'paused', 'processing')", name=op.f("ck_media_batches_state")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_media_batches_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_batches")),
    )
    newest: list[str | sa.TextClause] = ["user_id", sa.text("created_at DESC"), sa.text("id DESC")]
    op.create_index("ix_media_batches_list", "media_batches", newest)
    op.create_table(
        "media_usage",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("jobs_created", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_media_usage_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_media_usage")),
    )


def _indexes() -> None:
    op.drop_index("ix_media_jobs_batch", table_name="media_jobs")
    in_batch = sa.text("batch_id IS NOT NULL")
    ended = sa.text("finished_at IS NOT NULL")
    op.create_index(
        "ix_media_jobs_batch", "media_jobs", ["batch_id", "state", "position", "id"], postgresql_where=in_batch
    )
    line: list[str | sa.TextClause] = ["user_id", sa.text("priority DESC"), "enqueued_at", "position", "id"]
    op.create_index("ix_media_jobs_waiting", "media_jobs", line, postgresql_where=sa.text(_WAITS))
    admitted = sa.text(f"{_ACTIVE} AND admitted_at IS NOT NULL")
    op.create_index("ix_media_jobs_admitted", "media_jobs", ["user_id", "host"], postgresql_where=admitted)
    op.create_index("ix_media_jobs_ended", "media_jobs", ["user_id", "finished_at"], postgresql_where=ended)


def downgrade() -> None:
    """Jobs in a queue of their own start over in the old one."""
    op.drop_table("media_usage")
    op.drop_table("media_batches")
    for name in ("ended", "admitted", "waiting", "batch"):
        op.drop_index(f"ix_media_jobs_{name}", table_name="media_jobs")
    in_batch = sa.text("batch_id IS NOT NULL")
    op.create_index("ix_media_jobs_batch", "media_jobs", ["batch_id"], postgresql_where=in_batch)
    line = ("retry_of", "reserved_bytes", "waiting", "not_before", "admitted_at", "enqueued_at", "host", "priority")
    for name in (*line, "position", "speed", "bytes_total", "bytes_done"):
        op.drop_column("media_jobs", name)
