"""Sync: what is missing at a provider for now, what its owner removed, and the brake on mass removal."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_LISTED = sa.text("removed_at IS NULL")
_KEPT = sa.text("state = 'ready' AND account_id IS NOT NULL AND removed_at IS NULL")
_KEEP_ORDER = """
CREATE FUNCTION library_order_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.removed_at IS NULL THEN
        INSERT INTO library_order (user_id, created_at, job_id) VALUES (NEW.user_id, NEW.created_at, NEW.id);
    ELSE
        DELETE FROM library_order WHERE job_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$
"""
_ORDER: list[str | sa.ColumnElement[object]] = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]
_COLUMNS = ("missing_since", "missing", "removed_at", "removed_from", "removes_upstream")


def upgrade() -> None:
    """Makes them; the lists leave out what was removed."""
    op.add_column("jobs", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("missing", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("jobs", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("removed_from", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("removes_upstream", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    _list_indexes(_LISTED)
    op.create_index("ix_jobs_removed", "jobs", ["removed_at"], postgresql_where=sa.text("removed_at IS NOT NULL"))
    op.create_index("ix_jobs_kept", "jobs", ["account_id"], postgresql_where=_KEPT)
    op.create_table(
        "account_looks",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("whole_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("held_of", sa.Integer(), nullable=False),
        sa.Column("held_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("confirmed_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("outcome IN ('complete', 'failed', 'partial')", name=op.f("ck_account_looks_outcome")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_account_looks_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_looks")),
        comment="What the last look at an account's listing came to, and what the brake on mass removal holds.",
    )

    _make_order()


def downgrade() -> None:
    """Takes them away; what was removed shows again."""
    op.execute("DROP TRIGGER library_order_add ON jobs")
    op.execute("DROP TRIGGER library_order_change ON jobs")
    op.execute("DROP FUNCTION library_order_keep()")
    op.drop_table("library_order")
    op.drop_table("account_looks")
    op.drop_index("ix_jobs_kept", table_name="jobs", postgresql_where=_KEPT)
    op.drop_index("ix_jobs_removed", table_name="jobs", postgresql_where=sa.text("removed_at IS NOT NULL"))
    _list_indexes(None)
    for column in reversed(_COLUMNS):
        op.drop_column("jobs", column)


def _make_order() -> None:
    """A narrow table that lists are read from: its rows never change, so far pages need no look at the jobs."""
    op.create_table(
        "library_order",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_library_order_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "created_at", "job_id", name=op.f("pk_library_order")),
        sa.UniqueConstraint("job_id", name=op.f("uq_library_order_job_id")),
        comment="The jobs that lists show, kept by triggers. Rows never change, unlike those of jobs, so that a far "
        "page is found in the index alone.",
    )
    # Soon after rows come, the database may know that all of a page's rows are there for everybody.
    op.execute(
        "ALTER TABLE library_order SET (autovacuum_vacuum_insert_threshold = 1000, "
        "autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02)"
    )
    op.execute("INSERT INTO library_order SELECT user_id, created_at, id FROM jobs WHERE removed_at IS NULL")
    op.execute(_KEEP_ORDER)
    op.execute(
        "CREATE TRIGGER library_order_add AFTER INSERT ON jobs FOR EACH ROW "
        "WHEN (NEW.removed_at IS NULL) EXECUTE FUNCTION library_order_keep()"
    )
    op.execute(
        "CREATE TRIGGER library_order_change AFTER UPDATE OF removed_at ON jobs FOR EACH ROW "
        "WHEN ((OLD.removed_at IS NULL) <> (NEW.removed_at IS NULL)) EXECUTE FUNCTION library_order_keep()"
    )


def _list_indexes(listed: sa.TextClause | None) -> None:
    """Makes the two indexes of lists anew."""
    for name, columns in (("ix_jobs_list", ["user_id"]), ("ix_jobs_list_by_state", ["user_id", "state"])):
        op.drop_index(name, table_name="jobs")
        op.create_index(name, "jobs", [*columns, *_ORDER], unique=False, postgresql_where=listed)
