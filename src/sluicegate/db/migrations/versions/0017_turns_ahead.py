"""Turns of the account ledger can be granted ahead of time; whoever holds some is told when an account has to rest."""

from collections.abc import Sequence

from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# A process of the version before may still run: it asks with nine arguments, and finds the columns that it names.
_TAKE = """
CREATE FUNCTION ledger_take(
    the_account text, the_calls text, scopes text[], counts integer[], spans double precision[],
    keep double precision, hold double precision, ended bigint[], told timestamptz,
    {more_in}OUT wait double precision, OUT ticket bigint, OUT reason text{more_out}
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
    leaving timestamptz;
    resting timestamptz;
    since timestamptz;
BEGIN
    reason := set_config('synchronous_commit', 'off', true);
    IF pg_advisory_xact_lock(hashtextextended(the_account, 1279608903)) IS NULL THEN
        RETURN;  -- never: the lock is waited for
    END IF;
    moment := coalesce(told, clock_timestamp());
    wait := 0;
    reason := '';
    IF cardinality(ended) > 0 THEN
        UPDATE ledger_calls SET at = moment WHERE id = ANY (ended) AND at > moment;
    END IF;
    {unused}
    SELECT r.until, r.reason INTO resting, reason FROM ledger_rests r
    WHERE r.account = the_account AND r.calls IN (the_calls, '*') AND r.until > moment
    ORDER BY r.until DESC LIMIT 1;
    IF FOUND THEN
        wait := extract(epoch FROM resting - moment);
        RETURN;
    END IF;
    reason := '';

    FOR n IN 1 .. coalesce(cardinality(scopes), 0) LOOP
        since := moment - make_interval(secs => spans[n]);
        {half}
        IF scopes[n] = '*' THEN
            SELECT c.at INTO leaving FROM ledger_calls c
            WHERE c.account = the_account AND c.at >= since
            ORDER BY c.at DESC OFFSET counts[n] - 1 LIMIT 1;
        ELSE
            SELECT c.at INTO leaving FROM ledger_calls c
            WHERE c.account = the_account AND c.calls = ANY (string_to_array(scopes[n], ' ')) AND c.at >= since
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
    {several}
    INSERT INTO ledger_calls (account, calls, at)
    VALUES (the_account, the_calls, moment + make_interval(secs => hold)) RETURNING id INTO ticket;
END
$$
"""
_UNUSED = """
    IF cardinality(unused) > 0 THEN
        DELETE FROM ledger_calls WHERE id = ANY (unused);
    END IF;
"""
# Only while less than half of every limit is used: then what is granted ahead keeps nobody waiting, and that half of
# the window is empty says at once that the whole has room.
_HALF = """
        IF ahead > 0 THEN
            IF scopes[n] = '*' THEN
                PERFORM FROM ledger_calls c WHERE c.account = the_account AND c.at >= since
                OFFSET counts[n] / 2 - 1 LIMIT 1;
            ELSE
                PERFORM FROM ledger_calls c
                WHERE c.account = the_account AND c.calls = ANY (string_to_array(scopes[n], ' ')) AND c.at >= since
                OFFSET counts[n] / 2 - 1 LIMIT 1;
            END IF;
            CONTINUE WHEN NOT FOUND;
            ahead := 0;
        END IF;
"""
_SEVERAL = """
    IF ahead > 0 THEN
        WITH made AS (
            INSERT INTO ledger_calls (account, calls, at)
            SELECT the_account, the_calls, moment + make_interval(secs => hold) FROM generate_series(0, ahead)
            RETURNING id
        ) SELECT array_agg(id) INTO spare FROM made;
        ticket := spare[1];
        spare := spare[2:];
        RETURN;
    END IF;
"""
_ASKED = "text, text, text[], integer[], double precision[], double precision, double precision, bigint[], timestamptz"

_RESTED = """
CREATE FUNCTION notify_rest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sluicegate_rests', '');
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Takes the function that can grant several, and the trigger."""
    op.execute(f"DROP FUNCTION ledger_take ({_ASKED})")
    op.execute(
        _TAKE.format(
            more_in="ahead integer DEFAULT 0, unused bigint[] DEFAULT '{}', ",
            more_out=", OUT spare bigint[]",
            unused=_UNUSED.strip(),
            half=_HALF.strip(),
            several=_SEVERAL.strip(),
        )
    )
    op.execute(_RESTED)
    op.execute("CREATE TRIGGER notify_rest AFTER INSERT OR UPDATE ON ledger_rests EXECUTE FUNCTION notify_rest()")


def downgrade() -> None:
    """Takes the function of before."""
    op.execute("DROP TRIGGER notify_rest ON ledger_rests")
    op.execute("DROP FUNCTION notify_rest")
    op.execute(f"DROP FUNCTION ledger_take ({_ASKED}, integer, bigint[])")
    op.execute(_TAKE.format(more_in="", more_out="", unused="", half="", several=""))
