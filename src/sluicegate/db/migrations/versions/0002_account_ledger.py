"""The account ledger: calls that still count, classes of calls that rest, and the function that grants one call."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# A function, as the second statement must see what was committed while the first waited for the account's lock, and
# because one call must cost one round trip. A commit that waits for no disk may forget what the database server
# granted in its last half second, if the machine itself dies.
_TAKE = """
CREATE FUNCTION ledger_take(
    the_account text, the_calls text, scopes text[], counts integer[], spans double precision[],
    keep double precision, hold double precision, ended bigint[], told timestamptz,
    OUT wait double precision, OUT ticket bigint, OUT reason text
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
    leaving timestamptz;
    resting timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(hashtextextended(the_account, 1279608903));
    moment := coalesce(told, clock_timestamp());
    wait := 0;
    reason := '';
    UPDATE ledger_calls SET at = moment WHERE id = ANY (ended) AND at > moment;

    SELECT r.until, r.reason INTO resting, reason FROM ledger_rests r
    WHERE r.account = the_account AND r.calls IN (the_calls, '*') AND r.until > moment
    ORDER BY r.until DESC LIMIT 1;
    IF FOUND THEN
        wait := extract(epoch FROM resting - moment);
        RETURN;
    END IF;
    reason := '';

    FOR n IN 1 .. coalesce(cardinality(scopes), 0) LOOP
        IF scopes[n] = '*' THEN
            SELECT c.at INTO leaving FROM ledger_calls c
            WHERE c.account = the_account AND c.at >= moment - make_interval(secs => spans[n])
            ORDER BY c.at DESC OFFSET counts[n] - 1 LIMIT 1;
        ELSE
            SELECT c.at INTO leaving FROM ledger_calls c
            WHERE c.account = the_account AND c.calls = ANY (string_to_array(scopes[n], ' '))
                AND c.at >= moment - make_interval(secs => spans[n])
            ORDER BY c.at DESC OFFSET counts[n] - 1 LIMIT 1;
        END IF;
        IF FOUND THEN
            -- One that is on its way is taken as if it ended now: it mostly does.
            wait := greatest(wait, extract(epoch FROM least(leaving, moment) - moment) + spans[n], 0.001);
        END IF;
    END LOOP;
    IF wait > 0 OR keep <= 0 THEN
        RETURN;
    END IF;

    DELETE FROM ledger_calls c
    WHERE c.account = the_account AND c.calls = the_calls AND c.at < moment - make_interval(secs => keep);
    INSERT INTO ledger_calls (account, calls, at)
    VALUES (the_account, the_calls, moment + make_interval(secs => hold)) RETURNING id INTO ticket;
END
$$
"""


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "ledger_calls",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_calls")),
        comment="Upstream calls that still count; 'at' is when one ended, or while it is on its way the latest it can.",
    )
    op.create_index("ix_ledger_calls_account_at", "ledger_calls", ["account", "at"])
    op.create_index("ix_ledger_calls_account_calls_at", "ledger_calls", ["account", "calls", "at"])
    op.create_table(
        "ledger_rests",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "calls", name=op.f("pk_ledger_rests")),
        comment="Classes of calls ('*' for all) that rest because the provider asked for it.",
    )
    op.execute(_TAKE)


def downgrade() -> None:
    """Takes them away."""
    op.execute("DROP FUNCTION ledger_take")
    op.drop_table("ledger_rests")
    op.drop_table("ledger_calls")
