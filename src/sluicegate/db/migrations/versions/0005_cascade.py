"""The cascade: a user's preferences for it, what moves a stalled transfer on, and who waits for a slot."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "cascade_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("prefer", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("only_cached", sa.Boolean(), nullable=False),
        sa.Column("max_size", sa.BigInteger(), nullable=True),
        sa.Column("min_seeds", sa.Integer(), nullable=True),
        sa.CheckConstraint("max_size > 0", name=op.f("ck_cascade_preferences_max_size")),
        sa.CheckConstraint("min_seeds >= 0", name=op.f("ck_cascade_preferences_min_seeds")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_cascade_preferences_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_cascade_preferences")),
    )
    op.create_table(
        "placements",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("job_progress", sa.Double(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leaving", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_placements_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_placements")),
        comment="Since when each placed job has stood still; 'leaving' is the rule by which it looks for another way.",
    )
    op.create_index(op.f("ix_placements_since"), "placements", ["since"], unique=False)
    op.create_table(
        "slot_waits",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_slot_waits_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_slot_waits_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "job_id", name=op.f("pk_slot_waits")),
        comment="Jobs that an account refused because all of its slots were taken.",
    )
    op.create_index(op.f("ix_slot_waits_job_id"), "slot_waits", ["job_id"], unique=False)
    op.add_column("intents", sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drops them."""
    op.drop_column("intents", "looked_at")
    op.drop_table("slot_waits")
    op.drop_table("placements")
    op.drop_table("cascade_preferences")
