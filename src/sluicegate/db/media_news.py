"""Progress of many media jobs in one statement, however many are at work.

Rows that somebody else is changing are passed over, so that nobody waits here and no two wait for each other in a
circle: the next look writes what this one left out.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text

from sluicegate.core.media_jobs import MediaNews
from sluicegate.db.notices import CHANNEL

__all__ = ["ADVANCE", "as_news"]

ADVANCE: Final = text(
    f"""
    WITH news AS (
        SELECT * FROM jsonb_to_recordset(CAST(:news AS jsonb)) AS told(
            id uuid, step text, progress double precision, done bigint, total bigint, speed double precision
        )
    ), free AS (
        SELECT media_jobs.id FROM media_jobs JOIN news USING (id, step) WHERE media_jobs.state = 'Processing'
        FOR NO KEY UPDATE OF media_jobs SKIP LOCKED
    ), changed AS (
        UPDATE media_jobs SET progress = greatest(media_jobs.progress, news.progress), bytes_done = news.done,
            bytes_total = news.total, speed = news.speed,
            version = media_jobs.version + 1, updated_at = clock_timestamp()
        FROM news JOIN free USING (id) WHERE media_jobs.id = news.id
        RETURNING media_jobs.id, media_jobs.user_id, media_jobs.state, media_jobs.version
    ) SELECT id, pg_notify('{CHANNEL}', json_build_array(
        'media_job', replace(user_id::text, '-', ''), replace(id::text, '-', ''), state, version
    )::text) FROM changed
    """  # noqa: S608 - a constant name
)
"""Parameter ``news``: a JSON array of ``as_news``. A job that is over, or in another step by now, is left alone."""


def as_news(news: Sequence[MediaNews]) -> list[dict[str, Any]]:
    """What ``ADVANCE`` takes."""
    return [
        {
            "id": str(told.job_id),
            "step": str(told.step),
            "progress": told.progress,
            "done": told.bytes_done,
            "total": told.bytes_total,
            "speed": told.speed,
        }
        for told in news
    ]
