"""Storage targets of users, uploads on their way, and what was stored where."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "destinations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("secret_kind", sa.Text(), nullable=False),
        sa.Column("folder_prefix", sa.Text(), nullable=False),
        sa.Column("base_folder", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cloud IN ('blob', 'gcs', 'oss', 's3')", name=op.f("ck_destinations_cloud")),
        sa.CheckConstraint("secret_kind IN ('key', 'sas')", name=op.f("ck_destinations_secret_kind")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_destinations_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        sa.UniqueConstraint(
            "user_id", "cloud", "endpoint", "bucket", "account", "secret_kind", "folder_prefix", "base_folder",
            name="uq_destinations_place",
        ),
    )
    op.create_index(
        "ix_destinations_name", "destinations", ["user_id", "name"], unique=True,
        postgresql_where=sa.text("name <> ''"),
    )
    op.create_index(
        "ix_destinations_default", "destinations", ["user_id"], unique=True, postgresql_where=sa.text("is_default")
    )
    op.create_table(
        "open_uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sealed_state", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_open_uploads_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name=op.f("fk_open_uploads_destination_id_destinations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_uploads")),
        sa.UniqueConstraint("destination_id", "key", name="uq_open_uploads_place"),
        comment="Uploads in parts on their way: what is needed to go on with them, or to remove them.",
    )
    op.create_index(op.f("ix_open_uploads_user_id"), "open_uploads", ["user_id"], unique=False)
    op.create_index(op.f("ix_open_uploads_updated_at"), "open_uploads", ["updated_at"], unique=False)
    op.create_table(
        "store_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('done', 'failed', 'pending', 'uploading')", name=op.f("ck_store_jobs_state")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_store_jobs_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_store_jobs_job_id_jobs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name=op.f("fk_store_jobs_destination_id_destinations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_jobs")),
    )
    op.create_index(op.f("ix_store_jobs_user_id"), "store_jobs", ["user_id"], unique=False)
    op.create_index(op.f("ix_store_jobs_destination_id"), "store_jobs", ["destination_id"], unique=False)
    op.create_index("ix_store_jobs_job", "store_jobs", ["job_id", sa.text("created_at DESC")], unique=False)
    op.create_index(
        "ix_store_jobs_file", "store_jobs", ["file_id", "destination_id"], unique=True,
        postgresql_where=sa.text("state <> 'failed'"),
    )
    op.create_index(
        "ix_store_jobs_active", "store_jobs", ["id"], unique=False,
        postgresql_where=sa.text("state IN ('pending', 'uploading')"),
    )


def downgrade() -> None:
    """Drops the tables."""
    op.drop_table("store_jobs")
    op.drop_table("open_uploads")
    op.drop_table("destinations")
