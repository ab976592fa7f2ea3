"""The first tables: users, keys, accounts, jobs with files, traces and intents, media jobs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facts", postgresql.JSONB(), nullable=True),
        sa.Column("token_hint", sa.Text(), nullable=False),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_proxy", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('disabled', 'ok', 'paused', 'untested')", name=op.f("ck_accounts_state")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_accounts_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("user_id", "provider", "label", name=op.f("uq_accounts_user_id_provider_label")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("info_hash", sa.String(length=40), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("source_uri", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("speed", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("cached_in", sa.Text(), nullable=True),
        sa.Column("waiting", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("info_hash ~ '^[0-9a-f]{40}$'", name=op.f("ck_jobs_info_hash")),
        sa.CheckConstraint("source_kind IN ('torrent', 'usenet', 'web')", name=op.f("ck_jobs_source_kind")),
        sa.CheckConstraint(
            "state IN ('cached_hit', 'cancelled', 'downloading', 'failed', 'queued', 'ready', 'uploading')",
            name=op.f("ck_jobs_state"),
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_jobs_progress")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_jobs_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "ix_jobs_in_flight",
        "jobs",
        ["provider", "account_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('cached_hit', 'downloading', 'queued', 'uploading')"),
    )
    op.create_index(
        "ix_jobs_list",
        "jobs",
        ["user_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_jobs_list_by_state",
        "jobs",
        ["user_id", "state", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_jobs_unfinished",
        "jobs",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('cached_hit', 'downloading', 'queued', 'uploading')"),
    )
    op.create_index(
        "uq_jobs_current",
        "jobs",
        ["user_id", "info_hash"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('cancelled', 'failed')"),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('library', 'media', 'proxy')", name=op.f("ck_keys_kind")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_keys_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_keys_fingerprint")),
    )
    op.create_index(op.f("ix_keys_prefix"), "keys", ["prefix"], unique=False)
    op.create_index(op.f("ix_keys_user_id_created_at_id"), "keys", ["user_id", "created_at", "id"], unique=False)
    op.create_table(
        "media_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("storage", sa.Text(), nullable=True),
        sa.Column("stored_key", sa.Text(), nullable=True),
        sa.Column("subtitle_key", sa.Text(), nullable=True),
        sa.Column("thumbnail_key", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('Completed', 'Failed', 'Pending', 'Processing', 'Skipped', 'Warning')",
            name=op.f("ck_media_jobs_state"),
        ),
        sa.CheckConstraint(
            "step IN ('Downloading', 'Finished', 'Muxing', 'Queued', 'Uploading')", name=op.f("ck_media_jobs_step")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_media_jobs_progress")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_media_jobs_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_jobs")),
    )
    op.create_index(
        "ix_media_jobs_batch",
        "media_jobs",
        ["batch_id"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        "ix_media_jobs_list",
        "media_jobs",
        ["user_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_media_jobs_list_by_state",
        "media_jobs",
        ["user_id", "state", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_media_jobs_unfinished",
        "media_jobs",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('Pending', 'Processing')"),
    )
    op.create_index("ux_media_jobs_stored", "media_jobs", ["storage", "stored_key"], unique=True)
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=True),
        sa.Column("locator", sa.Text(), nullable=True),
        sa.Column("storage", sa.Text(), nullable=True),
        sa.Column("stored_key", sa.Text(), nullable=True),
        sa.CheckConstraint("(storage IS NULL) = (stored_key IS NULL)", name=op.f("ck_files_stored_whole")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_files_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("job_id", "index", name=op.f("uq_files_job_id_index")),
    )
    op.create_table(
        "intents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_intents_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intents")),
        sa.UniqueConstraint(
            "job_id",
            "provider",
            "account_id",
            name=op.f("uq_intents_job_id_provider_account_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "traces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rung", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_traces_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traces")),
    )
    op.create_index(op.f("ix_traces_job_id_id"), "traces", ["job_id", "id"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_uploads_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_uploads")),
        comment="The uploaded .torrent or NZB of a job, apart from the row that lists read.",
    )


def downgrade() -> None:
    """Drops them, with everything in them."""
    op.drop_table("uploads")
    op.drop_index(op.f("ix_traces_job_id_id"), table_name="traces")
    op.drop_table("traces")
    op.drop_table("intents")
    op.drop_table("files")
    op.drop_index(
        "ix_media_jobs_unfinished",
        table_name="media_jobs",
        postgresql_where=sa.text("state IN ('Pending', 'Processing')"),
    )
    op.drop_index("ix_media_jobs_list_by_state", table_name="media_jobs")
    op.drop_index("ix_media_jobs_list", table_name="media_jobs")
    op.drop_index("ix_media_jobs_batch", table_name="media_jobs", postgresql_where=sa.text("batch_id IS NOT NULL"))
    op.drop_table("media_jobs")
    op.drop_index(op.f("ix_keys_user_id_created_at_id"), table_name="keys")
    op.drop_index(op.f("ix_keys_prefix"), table_name="keys")
    op.drop_table("keys")
    op.drop_index(
        "uq_jobs_current", table_name="jobs", postgresql_where=sa.text("state NOT IN ('cancelled', 'failed')")
    )
    op.drop_index(
        "ix_jobs_unfinished",
        table_name="jobs",
        postgresql_where=sa.text("state IN ('cached_hit', 'downloading', 'queued', 'uploading')"),
    )
    op.drop_index("ix_jobs_list_by_state", table_name="jobs")
    op.drop_index("ix_jobs_list", table_name="jobs")
    op.drop_index(
        "ix_jobs_in_flight",
        table_name="jobs",
        postgresql_where=sa.text("state IN ('cached_hit', 'downloading', 'queued', 'uploading')"),
    )
    op.drop_table("jobs")
    op.drop_table("accounts")
    op.drop_table("users")
