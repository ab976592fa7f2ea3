"""Daily sums for charts, kept by triggers; what there is already is counted once."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TRIGGERS = (
    # A removed job keeps the state it had, so that removing what is in the library rewrites no past.
    """
    CREATE FUNCTION usage_of_job() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        handed_in date := timezone('UTC', NEW.created_at)::date;
        was text := '';
        is_now text := coalesce(NEW.removed_from, NEW.state);
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO usage_changes (user_id, day, figure, amount) VALUES (NEW.user_id, handed_in, 'jobs', 1);
        ELSE
            was := coalesce(OLD.removed_from, OLD.state);
        END IF;
        IF was IN ('ready', 'failed') THEN
            INSERT INTO usage_changes (user_id, day, figure, amount) VALUES (NEW.user_id, handed_in, 'jobs_' || was, -1);
        END IF;
        IF is_now IN ('ready', 'failed') THEN
            INSERT INTO usage_changes (user_id, day, figure, amount)
            VALUES (NEW.user_id, handed_in, 'jobs_' || is_now, 1);
        END IF;
        RETURN NULL;
    END
    $$
    """,
    "CREATE TRIGGER usage_add AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION usage_of_job()",
    """
    CREATE TRIGGER usage_change AFTER UPDATE OF state, removed_from ON jobs FOR EACH ROW
    WHEN (coalesce(OLD.removed_from, OLD.state) <> coalesce(NEW.removed_from, NEW.state))
    EXECUTE FUNCTION usage_of_job()
    """,
    """
    CREATE FUNCTION usage_of_media() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        ended date := timezone('UTC', NEW.finished_at)::date;
        stored bigint := CASE WHEN NEW.state = 'Completed' THEN (NEW.result->>'file_size')::bigint END;
        spent bigint := round(extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000);
    BEGIN
        INSERT INTO usage_changes (user_id, day, figure, amount)
        SELECT NEW.user_id, ended, told.figure, told.amount
        FROM (VALUES (CASE NEW.state WHEN 'Completed' THEN 'media_completed' ELSE 'media_failed' END, 1::bigint),
            ('media_bytes', stored), ('media_ms', spent)) AS told (figure, amount)
        WHERE told.amount > 0;
        RETURN NULL;
    END
    $$
    """,
    "CREATE TRIGGER usage_add AFTER INSERT ON media_jobs FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL) "
    "EXECUTE FUNCTION usage_of_media()",
    "CREATE TRIGGER usage_change AFTER UPDATE OF finished_at ON media_jobs FOR EACH ROW "
    "WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION usage_of_media()",
    # Calls come in batches, in a transaction of their own: adding to the sums at once makes nobody wait. Everywhere
    # in one order, so that two of these transactions never wait for each other.
    """
    CREATE FUNCTION sums_of_gateway() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO gateway_days AS kept (user_id, day, addon, operation, calls, refused, spent_ms)
        SELECT user_id, timezone('UTC', created_at)::date AS day, addon, operation,
            count(*), count(error_code), sum(duration_ms)
        FROM added WHERE user_id IS NOT NULL GROUP BY user_id, day, addon, operation
        ORDER BY user_id, day, addon, operation
        ON CONFLICT (user_id, day, addon, operation) DO UPDATE SET calls = kept.calls + excluded.calls,
            refused = kept.refused + excluded.refused, spent_ms = kept.spent_ms + excluded.spent_ms;
        RETURN NULL;
    END
    $$
    """,
    "CREATE TRIGGER sums_add AFTER INSERT ON gateway_request_audits REFERENCING NEW TABLE AS added "
    "FOR EACH STATEMENT EXECUTE FUNCTION sums_of_gateway()",
    """
    CREATE FUNCTION sums_of_gateway_providers() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO gateway_provider_days AS kept (user_id, day, provider, calls, failed, spent_ms)
        SELECT audits.user_id, timezone('UTC', audits.created_at)::date AS day, added.provider,
            count(*), count(added.error_code), sum(added.duration_ms)
        FROM added JOIN gateway_request_audits AS audits USING (request_id)
        WHERE audits.user_id IS NOT NULL GROUP BY audits.user_id, day, added.provider
        ORDER BY audits.user_id, day, added.provider
        ON CONFLICT (user_id, day, provider) DO UPDATE SET calls = kept.calls + excluded.calls,
            failed = kept.failed + excluded.failed, spent_ms = kept.spent_ms + excluded.spent_ms;
        RETURN NULL;
    END
    $$
    """,
    "CREATE TRIGGER sums_add AFTER INSERT ON gateway_provider_audits REFERENCING NEW TABLE AS added "
    "FOR EACH STATEMENT EXECUTE FUNCTION sums_of_gateway_providers()",
)
_COUNTED_ONCE = (
    """
    INSERT INTO usage_days (user_id, day, figure, amount)
    SELECT user_id, timezone('UTC', created_at)::date AS day, told.figure, count(*)
    FROM jobs, LATERAL (VALUES ('jobs'), (CASE WHEN coalesce(removed_from, state) IN ('ready', 'failed')
        THEN 'jobs_' || coalesce(removed_from, state) END)) AS told (figure)
    WHERE told.figure IS NOT NULL GROUP BY user_id, day, told.figure
    """,
    """
    INSERT INTO usage_days (user_id, day, figure, amount)
    SELECT user_id, timezone('UTC', finished_at)::date AS day, told.figure, sum(told.amount)
    FROM media_jobs, LATERAL (VALUES
        (CASE state WHEN 'Completed' THEN 'media_completed' ELSE 'media_failed' END, 1::bigint),
        ('media_bytes', CASE WHEN state = 'Completed' THEN (result->>'file_size')::bigint END),
        ('media_ms', round(extract(epoch FROM finished_at - started_at) * 1000)::bigint)) AS told (figure, amount)
    WHERE finished_at IS NOT NULL AND told.amount > 0 GROUP BY user_id, day, told.figure
    """,
    """
    INSERT INTO gateway_days (user_id, day, addon, operation, calls, refused, spent_ms)
    SELECT user_id, timezone('UTC', created_at)::date AS day, addon, operation,
        count(*), count(error_code), sum(duration_ms)
    FROM gateway_request_audits WHERE user_id IS NOT NULL GROUP BY user_id, day, addon, operation
    """,
    """
    INSERT INTO gateway_provider_days (user_id, day, provider, calls, failed, spent_ms)
    SELECT audits.user_id, timezone('UTC', audits.created_at)::date AS day, answers.provider,
        count(*), count(answers.error_code), sum(answers.duration_ms)
    FROM gateway_provider_audits AS answers JOIN gateway_request_audits AS audits USING (request_id)
    WHERE audits.user_id IS NOT NULL GROUP BY audits.user_id, day, answers.provider
    """,
)
_OUTCOMES = "'answered', 'failed', 'held', 'limited', 'refused'"


def upgrade() -> None:
    """Makes them."""
    _day_table("usage_days", sa.Column("figure", sa.Text(), nullable=False), amounts=("amount",))
    _day_table(
        "gateway_days",
        sa.Column("addon", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        amounts=("calls", "refused"),
        spent=True,
    )
    _day_table(
        "gateway_provider_days",
        sa.Column("provider", sa.Text(), nullable=False),
        amounts=("calls", "failed"),
        spent=True,
    )
    op.create_table(
        "usage_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_usage_changes")),
        comment="Changes of usage_days that are not added up yet; only triggers write here.",
    )
    op.create_table(
        "account_call_days",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(f"outcome IN ({_OUTCOMES})", name=op.f("ck_account_call_days_outcome")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_account_call_days_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "day", "calls", "outcome", name=op.f("pk_account_call_days")),
        comment="Upstream calls of each account by class and outcome; the ledger forgets them when they cost nothing "
        "more.",
    )
    for statement in (*_COUNTED_ONCE, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Takes them away."""
    for table in ("jobs", "media_jobs"):
        op.execute(f"DROP TRIGGER usage_add ON {table}")
        op.execute(f"DROP TRIGGER usage_change ON {table}")
    for table in ("gateway_request_audits", "gateway_provider_audits"):
        op.execute(f"DROP TRIGGER sums_add ON {table}")
    for name in ("usage_of_job", "usage_of_media", "sums_of_gateway", "sums_of_gateway_providers"):
        op.execute(f"DROP FUNCTION {name}()")
    for table in ("account_call_days", "usage_changes", "gateway_provider_days", "gateway_days", "usage_days"):
        op.drop_table(table)


def _day_table(table: str, *parts: "sa.Column[str]", amounts: Sequence[str], spent: bool = False) -> None:
    """Sums of one user and day, one row for each value of ``parts``."""
    sums: list[sa.Column[float]] = [sa.Column(name, sa.BigInteger(), nullable=False) for name in amounts]
    if spent:
        sums.append(sa.Column("spent_ms", sa.Double(), nullable=False))
    comments = {"usage_days": "Figures of jobs by day; what is in usage_changes is to be added."}
    op.create_table(
        table,
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *parts,
        *sums,
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "day", *(part.name for part in parts), name=op.f(f"pk_{table}")),
        comment=comments.get(table),
    )
