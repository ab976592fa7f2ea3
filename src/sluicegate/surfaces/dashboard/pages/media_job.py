"""One media job: how far it is, what was measured, its file, and what can be done with it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.core.media_jobs import MediaJob, MediaState
from sluicegate.core.media_targets import LOCAL_STORAGE
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.returning import returning
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS", "TONES"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/media"
_FRAME: Final = Frame(
    "media",
    {
        "added": "The job is accepted.",
        "cancelled": "The job is cancelled.",
        "again": "This is a new job like the one that failed.",
        "deleted": "The file is deleted.",
    },
)
TONES: Final = {
    MediaState.COMPLETED: "good",
    MediaState.FAILED: "bad",
    MediaState.WARNING: "warn",
    MediaState.SKIPPED: "soft",
    MediaState.PENDING: "warn",
}
_DURATIONS: Final = (
    ("Waited for its turn", "queue_wait_ms"),
    ("Reading the page", "metadata_duration_ms"),
    ("Checks before", "precheck_duration_ms"),
    ("Downloading", "download_duration_ms"),
    ("Subtitles", "subtitle_duration_ms"),
    ("Waited for the host", "io_wait_ms"),
    ("Waited for a processor", "cpu_wait_ms"),
    ("Putting together", "mux_duration_ms"),
    ("Waited to store", "upload_wait_ms"),
    ("Storing", "upload_duration_ms"),
    ("In all", "total_duration_ms"),
)
_SOUNDS: Final = frozenset({"m4a", "mp3", "ogg", "opus"})
_AGAIN: Final = frozenset({MediaState.FAILED, MediaState.WARNING})


@get("/media/{job_id:uuid}")
async def show(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Response[str]:
    """The job."""
    return await _page(request, services, job_id, Form())


@get("/media/{job_id:uuid}/play")
async def play(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Response[str]:
    """A player for its file, through this server; files in other storages are opened there."""
    job = await services.media_jobs.get(session_of(request).user_id, job_id)
    url = await services.media_jobs.file_url(job)
    if url is None:
        raise NotFound("This job has no file, or not any more.")
    return _FRAME.page(
        request,
        "media_play.html",
        job=job,
        url=_here(url),
        link=url,
        subtitle=await _own(services, job, "subtitle"),
        is_local=_is_local(job),
        is_audio=job.options.audio_only or job.options.container in _SOUNDS,
    )


@post("/media/{job_id:uuid}/cancel")
async def cancel(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Ends it, also when it has begun."""
    return await _act(
        request, services, job_id, "cancelled", lambda user: services.media_jobs.cancel(user, job_id, at_work=True)
    )


@post("/media/{job_id:uuid}/retry")
async def retry(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Makes a job like it, and shows that."""
    try:
        job = await services.media_jobs.retry(session_of(request).user_id, job_id)
    except NotFound:
        raise
    except SluicegateError as error:
        return await _page(request, services, job_id, Form(errors={"": sentence(error)}))
    return go(f"{_PATH}/{job.id}", "again")


@post("/media/{job_id:uuid}/delete-file")
async def delete_file(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Deletes what it has stored."""
    return await _act(request, services, job_id, "deleted", lambda user: services.media_jobs.delete_file(user, job_id))


async def _act(
    request: _Request,
    services: DashboardServices,
    job_id: UUID,
    said: str,
    act: Callable[[UUID], Awaitable[object]],
) -> Response[str] | Redirect:
    """Does it and shows the job; what is not possible now is said on its page. Raises NotFound."""
    try:
        await act(session_of(request).user_id)
    except NotFound:
        raise
    except SluicegateError as error:
        return await _page(request, services, job_id, Form(errors={"": sentence(error)}))
    return go(f"{_PATH}/{job_id}", said)


async def _page(request: _Request, services: DashboardServices, job_id: UUID, form: Form) -> Response[str]:
    job = await services.media_jobs.get(session_of(request).user_id, job_id)
    subtitle = await services.media_jobs.file_url(job, "subtitle")
    return _FRAME.page(
        request,
        "media_job.html",
        form=form,
        job=job,
        tones=TONES,
        durations=[
            (label, value / 1000) for label, name in _DURATIONS if (value := getattr(job.result, name)) is not None
        ],
        can_retry=job.state in _AGAIN,
        can_delete=job.state is MediaState.COMPLETED and job.stored_key is not None,
        subtitle=_here(subtitle) if subtitle and _is_local(job) else subtitle,
        thumbnail=await _own(services, job, "thumbnail"),
        told=await services.media_jobs.webhook_state(job),
        is_local=_is_local(job),
    )


async def _own(services: DashboardServices, job: MediaJob, part: str) -> str | None:
    """The address of a part on this server; None when it is elsewhere, where the page's policy does not let it load."""
    url = await services.media_jobs.file_url(job, part) if _is_local(job) else None
    return _here(url) if url else None


def _is_local(job: MediaJob) -> bool:
    return job.storage in {None, LOCAL_STORAGE}


def _here(url: str) -> str:
    """Without the host: the browser asks whoever has sent the page, by whatever name it reached us."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


_BACK: Final = returning(1, *(f"/media/{{job_id:uuid}}/{act}" for act in ("cancel", "retry", "delete-file")))
HANDLERS: Final = (show, play, cancel, retry, delete_file, _BACK)
