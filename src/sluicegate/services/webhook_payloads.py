"""What webhooks say: the bodies of the contract (media jobs sheet, section 12.1), and of the events we add.

A payload names things and never opens them: no signed URL, no secret. It stays below 20 kB whatever a page is called.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sluicegate.core.media_jobs import MediaJob
from sluicegate.core.webhooks import EventType
from sluicegate.services.media_keys import shown_key

__all__ = ["batch_completed", "job_ended", "job_progress", "payload_text"]

_BYTES_MAX: Final = 19_000
_TEXT_MAX: Final = 2_000
_DESCRIPTION_MAX: Final = 8_000
_URL_MAX: Final = 4_096
_REASONS: Final = {EventType.JOB_SKIPPED: "reason", EventType.JOB_WARNING: "reason", EventType.JOB_FAILED: "error"}


def job_ended(kind: EventType, job: MediaJob) -> dict[str, Any]:
    """The body for a job that is over: completed, failed, skipped or with a warning."""
    body: dict[str, Any] = {
        "type": str(kind),
        "job_id": str(job.id),
        "status": job.state.value.lower(),
        "url": job.url[:_URL_MAX],
    }
    if reason := _REASONS.get(kind):
        return body | {reason: _short(job.error, _TEXT_MAX)}
    result = job.result
    body |= {
        "key": shown_key(job, job.stored_key),
        "folder": job.options.folder,
        "title": _short(result.title, _TEXT_MAX),
        "description": _short(result.description, _DESCRIPTION_MAX),
        "release_date": result.release_date,
    }
    if job.options.download_subtitles:
        body["subtitle_key"] = shown_key(job, job.subtitle_key)
    return body


def job_progress(job_id: UUID, stage: str, percent: int) -> dict[str, Any]:
    """The body for a stage that was reached (section 12.2)."""
    return {"type": str(EventType.JOB_PROGRESS), "job_id": str(job_id), "stage": stage, "progress": percent}


def batch_completed(
    batch_id: UUID, *, show_url: str, folder: str | None, completed: int, failed: int, total: int
) -> dict[str, Any]:
    """The body for a batch whose last item is over."""
    return {
        "type": str(EventType.BATCH_COMPLETED),
        "batch_id": str(batch_id),
        "show_url": show_url[:_URL_MAX],
        "folder": folder,
        "completed": completed,
        "failed": failed,
        "total": total,
    }


def payload_text(body: Mapping[str, Any]) -> str:
    """The body as JSON below 20 kB; the description gives way first, then every long text."""
    for most in (_DESCRIPTION_MAX, _TEXT_MAX, 400, 60):
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode("utf-8", "replace")) <= _BYTES_MAX:
            return text.encode("utf-8", "replace").decode()
        body = {name: _short(value, most) if isinstance(value, str) else value for name, value in body.items()}
    return json.dumps(body, separators=(",", ":"))


def _short(text: str | None, most: int) -> str | None:
    return text if text is None or len(text) <= most else text[: most - 1] + "…"
