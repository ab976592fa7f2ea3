"""Keys under which media files are stored (media jobs sheet, section 11.8)."""

from collections.abc import Iterator
from uuid import UUID

from sluicegate.core.media_jobs import MediaJob
from sluicegate.core.names import safe_segment

__all__ = ["BASE_FOLDER", "media_keys", "shown_key"]

BASE_FOLDER = "videos"


def media_keys(
    job: MediaJob, title: str | None, extension: str, prefix: tuple[str, str] | None = None
) -> Iterator[str]:
    """Candidates in order: the plain name, then the same with a part of the job's id, which cannot be taken.

    Users share the storage of this machine, so every key there begins with its owner's id. In a bucket of the user's
    own, ``prefix`` says what comes first: ``folder_prefix`` and ``base_folder``.
    """
    folder = "/".join(safe_segment(part, fallback="folder") for part in (job.options.folder or "").split("/") if part)
    stem = safe_segment(job.options.filename or title or "", fallback=f"media-{str(job.id)[:8]}")
    roots = (_owner(job.user_id), BASE_FOLDER) if prefix is None else tuple(part.strip("/") for part in prefix)
    base = "/".join(part for part in (*roots, folder) if part)
    yield f"{base}/{safe_segment(f'{stem}.{extension}', fallback='media')}"
    yield f"{base}/{safe_segment(f'{stem} [{str(job.id)[:8]}].{extension}', fallback='media')}"
    yield f"{base}/{job.id}.{extension}"


def shown_key(job: MediaJob, key: str | None) -> str | None:
    """The key as its owner sees it: without the owner's own prefix."""
    prefix = _owner(job.user_id) + "/"
    return key[len(prefix) :] if key is not None and key.startswith(prefix) else key


def _owner(user_id: UUID) -> str:
    return f"media/{user_id}"
