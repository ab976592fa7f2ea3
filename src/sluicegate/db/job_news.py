"""News of many jobs at once: one statement for each listing, however many jobs it is about.

Rows are locked in one order, so that two of these never wait for each other in a circle. Every change is told as
``db.notices`` writes it.
"""

from typing import Final

from sqlalchemy import text

from sluicegate.core.jobs import Job
from sluicegate.db.notices import CHANNEL

__all__ = ["ADVANCE", "MARK_MISSING", "MARK_SEEN", "as_news"]

_TELL: Final = f"""
    SELECT pg_notify('{CHANNEL}', json_build_array(
        'job', replace(user_id::text, '-', ''), replace(id::text, '-', ''), state, version
    )::text) FROM changed ORDER BY id
"""  # noqa: S608 - a constant name

ADVANCE: Final = text(
    f"""
    WITH news AS (
        SELECT * FROM jsonb_to_recordset(CAST(:news AS jsonb)) AS told(
            id uuid, version integer, state text, progress double precision, speed bigint, name text, size bigint,
            waiting text, transfer_id text, missing_since timestamptz, missing text
        )
    ), locked AS (
        SELECT jobs.id FROM jobs JOIN news USING (id, version) WHERE jobs.removed_at IS NULL ORDER BY jobs.id
        FOR NO KEY UPDATE OF jobs
    ), changed AS (
        UPDATE jobs SET state = news.state, progress = greatest(jobs.progress, news.progress), speed = news.speed,
            name = news.name, size = news.size, waiting = news.waiting, transfer_id = news.transfer_id,
            missing_since = news.missing_since, missing = news.missing,
            version = jobs.version + 1, updated_at = clock_timestamp()
        FROM news JOIN locked USING (id) WHERE jobs.id = news.id AND jobs.version = news.version
        RETURNING jobs.id, jobs.user_id, jobs.state, jobs.version
    ) {_TELL}
    """  # noqa: S608 - a constant
)
"""Parameter ``news``: a JSON array of ``as_news``. A job whose version is another one by now is left alone."""

MARK_MISSING: Final = text(
    f"""
    WITH locked AS (
        SELECT id FROM jobs WHERE id = ANY (:wanted) AND missing_since IS NULL AND removed_at IS NULL ORDER BY id
        FOR NO KEY UPDATE
    ), changed AS (
        UPDATE jobs SET missing_since = :since, missing = :words, speed = NULL, version = version + 1,
            updated_at = clock_timestamp()
        FROM locked WHERE jobs.id = locked.id RETURNING jobs.id, user_id, state, version
    ) {_TELL}
    """  # noqa: S608 - a constant
)

MARK_SEEN: Final = text(
    f"""
    WITH locked AS (
        SELECT id FROM jobs WHERE id = ANY (:wanted) AND missing_since IS NOT NULL ORDER BY id FOR NO KEY UPDATE
    ), changed AS (
        UPDATE jobs SET missing_since = NULL, missing = '', version = version + 1, updated_at = clock_timestamp()
        FROM locked WHERE jobs.id = locked.id RETURNING jobs.id, user_id, state, version
    ) {_TELL}
    """  # noqa: S608 - a constant
)


def as_news(job: Job) -> dict[str, object]:
    """What ``ADVANCE`` takes of a job."""
    return {
        "id": str(job.id),
        "version": job.version,
        "state": str(job.state),
        "progress": job.progress,
        "speed": job.speed,
        "name": job.name,
        "size": job.size,
        "waiting": job.waiting,
        "transfer_id": job.transfer_id,
        "missing_since": job.missing_since.isoformat() if job.missing_since else None,
        "missing": job.missing,
    }
