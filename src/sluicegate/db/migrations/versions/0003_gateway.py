"""The gateway: add-ons, policies, audits, learnt availability, shared counters, and notices of changed access."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Sent by the database itself, so that a change made on the command line or by another process takes effect at once.
_NOTIFY = """
CREATE FUNCTION notify_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sluicegate_access', '');
    RETURN NULL;
END
$$
"""
_WATCHED = {
    "addons": "UPDATE OR DELETE",
    "addon_secrets": "INSERT OR UPDATE OR DELETE",
    "policies": "INSERT OR UPDATE OR DELETE",
    "keys": "UPDATE OF revoked_at OR DELETE",
    "accounts": "INSERT OR DELETE OR UPDATE OF state, base_url, sealed_token, sealed_proxy",
}
"""Table: the changes that decide who may call, and with what. A key's last use is none."""


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "availability_facts",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("info_hash", sa.String(length=40), nullable=False),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "info_hash", name=op.f("pk_availability_facts")),
    )
    op.create_index(op.f("ix_availability_facts_seen_at"), "availability_facts", ["seen_at"], unique=False)
    op.create_table(
        "gateway_rates",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("window", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "window", name=op.f("pk_gateway_rates")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "addons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('approved', 'rejected', 'revoked', 'submitted', 'under_review')", name=op.f("ck_addons_state")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_addons_user_id_users"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addons")),
        sa.UniqueConstraint("slug", name=op.f("uq_addons_slug")),
    )
    op.create_index(op.f("ix_addons_user_id"), "addons", ["user_id"], unique=False)
    op.create_table(
        "gateway_request_audits",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("addon", sa.Text(), nullable=False),
        sa.Column("addon_proven", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("caller_ip", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("providers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("http_status", sa.SmallInteger(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("upstream_ms", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_gateway_request_audits_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_gateway_request_audits")),
    )
    op.create_index(
        op.f("ix_gateway_request_audits_created_at"), "gateway_request_audits", ["created_at"], unique=False
    )
    op.create_index(
        "ix_gateway_request_audits_user",
        "gateway_request_audits",
        ["user_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "addon_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("addon_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["addon_id"], ["addons.id"], name=op.f("fk_addon_secrets_addon_id_addons"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addon_secrets")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_addon_secrets_fingerprint")),
    )
    op.create_index(op.f("ix_addon_secrets_addon_id"), "addon_secrets", ["addon_id"], unique=False)
    op.create_table(
        "gateway_provider_audits",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("upstream_code", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["gateway_request_audits.request_id"],
            name=op.f("fk_gateway_provider_audits_request_id_gateway_request_audits"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", "position", name=op.f("pk_gateway_provider_audits")),
    )
    op.create_table(
        "policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("subject IN ('addon', 'address')", name=op.f("ck_policies_subject")),
        sa.CheckConstraint("verdict IN ('allow', 'deny')", name=op.f("ck_policies_verdict")),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_policies_key_id_keys"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_policies_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint(
            "user_id",
            "key_id",
            "verdict",
            "subject",
            "value",
            name=op.f("uq_policies_user_id_key_id_verdict_subject_value"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("ix_policies_key_id"), "policies", ["key_id"], unique=False)
    op.execute(_NOTIFY)
    for table, changes in _WATCHED.items():
        op.execute(f"CREATE TRIGGER notify_access AFTER {changes} ON {table} EXECUTE FUNCTION notify_access()")


def downgrade() -> None:
    """Takes them away."""
    for table in _WATCHED:
        op.execute(f"DROP TRIGGER notify_access ON {table}")
    op.execute("DROP FUNCTION notify_access")
    op.drop_index(op.f("ix_policies_key_id"), table_name="policies")
    op.drop_table("policies")
    op.drop_table("gateway_provider_audits")
    op.drop_index(op.f("ix_addon_secrets_addon_id"), table_name="addon_secrets")
    op.drop_table("addon_secrets")
    op.drop_index("ix_gateway_request_audits_user", table_name="gateway_request_audits")
    op.drop_index(op.f("ix_gateway_request_audits_created_at"), table_name="gateway_request_audits")
    op.drop_table("gateway_request_audits")
    op.drop_index(op.f("ix_addons_user_id"), table_name="addons")
    op.drop_table("addons")
    op.drop_table("gateway_rates")
    op.drop_index(op.f("ix_availability_facts_seen_at"), table_name="availability_facts")
    op.drop_table("availability_facts")
