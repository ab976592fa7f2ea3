"""The library: handing things in, watching them arrive, playing, sending on, and why a job is where it is."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import InvalidInput, MalformedSource, SluicegateError
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.places import ListPlace
from sluicegate.core.source_reading import read_source, read_upload
from sluicegate.core.sources import Source
from sluicegate.services.playback import Viewer
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.provider_titles import provider_titles
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of
from sluicegate.surfaces.dashboard.turning import place_of, turned

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_Offset = Annotated[int, QueryParameter(ge=0, le=10_000_000)]
_Time = Annotated[datetime | None, QueryParameter()]
_Row = Annotated[UUID | None, QueryParameter()]
_PAGE: Final = 25
_FILES_SHOWN: Final = 100
_TRACE_SHOWN: Final = 50
_STORES_SHOWN: Final = 50
_TARGETS: Final = 50
_UPLOAD_MAX: Final = 10 * 1024 * 1024
_PATIENCE: Final = 2.0
_TEXT_MAX: Final = 16_384
_PLAYABLE: Final = ("video/", "audio/")
_FRAME: Final = Frame(
    "library",
    {
        "added": "It is in your library.",
        "again": "It was in your library already.",
        "cancelled": "The job is cancelled.",
        "removed": "The job is removed. You can bring it back from 'Removed' for a while.",
        "restored": "The job is back.",
        "looked": "The provider was asked just now.",
        "storing": "The file is on its way to your storage.",
    },
)
TONES: Final = {
    JobState.READY: "good",
    JobState.FAILED: "bad",
    JobState.CANCELLED: "soft",
    JobState.QUEUED: "warn",
}


@get("/")
async def page(
    request: _Request, services: _Services, before: _Time = None, after: _Time = None, row: _Row = None
) -> Response[str]:
    """Jobs, newest first, below the form that takes new ones."""
    return await _page(request, services, Form(), place_of(before, after, row))


@post("/library")
async def submit(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Takes what was pasted or dropped; several lines are several sources."""
    form = await Form.of(request)
    try:
        sources = await _sources(form)
        if not sources:
            form.errors.setdefault("source", "Paste a magnet, a link or an info hash, or choose a file.")
            return await _page(request, services, form)
        made = [
            await services.submit.submit(
                session_of(request).user_id, source, patience=_PATIENCE if len(sources) == 1 else 0
            )
            for source in sources
        ]
    except SluicegateError as error:
        form.errors["source"] = sentence(error)
        return await _page(request, services, form)
    if len(made) == 1:
        job, created = made[0]
        return go(f"/app/library/{job.id}", "added" if created else "again")
    return go("/app", "added")


@get("/library/removed")
async def removed(request: _Request, services: _Services, offset: _Offset = 0) -> Response[str]:
    """What can be brought back."""
    jobs = await services.tombstones.page(session_of(request).user_id, limit=_PAGE + 1, offset=offset)
    rows = [(job, services.tombstones.ends_at(job)) for job in jobs[:_PAGE]]
    return _FRAME.page(request, "removed.html", rows=rows, offset=offset, limit=_PAGE, more=len(jobs) > _PAGE)


@get("/library/{job_id:uuid}")
async def show(
    request: _Request,
    services: _Services,
    job_id: FromPath[UUID],
    first_file: _Offset = 0,
    decisions: _Offset = 0,
) -> Response[str]:
    """One job: files from ``first_file`` on, the newest decisions but so many, deliveries."""
    return await _job_page(request, services, job_id, Form(), first_file=first_file, decisions=decisions)


@get("/library/{job_id:uuid}/play/{file_id:uuid}")
async def play(
    request: _Request, services: _Services, job_id: FromPath[UUID], file_id: FromPath[UUID]
) -> Response[str]:
    """A player for one file, through this server, so that the page needs no other host."""
    user_id = session_of(request).user_id
    viewer = Viewer(request.client.host if request.client else None)
    link = await services.playback.own_link(user_id, job_id, file_id, viewer=viewer)
    job, _ = await services.library.get(user_id, job_id)
    parts = urlsplit(link.url)
    return _FRAME.page(
        request,
        "play.html",
        job=job,
        file=link.file,
        link=link,
        # Without the host: the browser asks whoever has sent the page, by whatever name it reached us.
        url=f"{parts.path}?{parts.query}" if parts.query else parts.path,
        is_audio=(link.file.mime_type or "").startswith("audio/"),
    )


@post("/library/{job_id:uuid}/cancel")
async def cancel(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Redirect:
    """Cancels a job in flight."""
    await services.library.cancel(session_of(request).user_id, job_id)
    return go(f"/app/library/{job_id}", "cancelled")


@post("/library/{job_id:uuid}/remove")
async def remove(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Redirect:
    """Hides a job; it can be brought back."""
    form = await Form.of(request)
    await services.tombstones.remove(session_of(request).user_id, job_id, at_provider=form.flag("at_provider"))
    return go("/app", "removed")


@post("/library/{job_id:uuid}/restore")
async def restore(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Redirect:
    """Brings a removed job back."""
    await services.tombstones.restore(session_of(request).user_id, job_id)
    return go(f"/app/library/{job_id}", "restored")


@post("/library/{job_id:uuid}/look")
async def look(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Redirect:
    """Asks the provider now."""
    await services.sync.run_one(session_of(request).user_id, job_id)
    return go(f"/app/library/{job_id}", "looked")


@post("/library/{job_id:uuid}/store")
async def store(request: _Request, services: _Services, job_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Sends chosen files to a storage target."""
    form = await Form.of(request)
    shown_from = form.values.get("first_file", "")
    first_file = int(shown_from) if shown_from.isdecimal() and len(shown_from) < 8 else 0
    user_id = session_of(request).user_id
    try:
        target = await services.destinations.by_name(user_id, form.needed("target", most=60))
        chosen = [UUID(text) for text in form.all("file")]
        if not chosen:
            raise InvalidInput("Choose at least one file.", field="file")
        folder = form.text("folder") or None
        if form.errors:
            return await _job_page(request, services, job_id, form, first_file=first_file)
        for file_id in chosen:
            await services.store.request(user_id, job_id, file_id, target, folder=folder)
    except (SluicegateError, ValueError) as error:
        form.errors[""] = sentence(error) if isinstance(error, SluicegateError) else "Choose at least one file."
        return await _job_page(request, services, job_id, form, first_file=first_file)
    return go(f"/app/library/{job_id}", "storing")


async def _page(request: _Request, services: _Services, form: Form, place: ListPlace | None = None) -> Response[str]:
    jobs = await services.library.page(session_of(request).user_id, limit=_PAGE + 1, offset=0, place=place)
    shown = turned(jobs, _PAGE, place)
    return _FRAME.page(
        request,
        "library.html",
        form=form,
        jobs=shown.rows,
        tones=TONES,
        turned=shown,
        first=not place,
        title=provider_titles(services.providers),
    )


async def _job_page(
    request: _Request, services: _Services, job_id: UUID, form: Form, *, first_file: int = 0, decisions: int = 0
) -> Response[str]:
    user_id = session_of(request).user_id
    job, files = await services.library.some_files(user_id, job_id, limit=_FILES_SHOWN + 1, offset=first_file)
    trace = await services.library.trace(user_id, job_id, limit=_TRACE_SHOWN + 1, offset=decisions, newest=True)
    stores = await services.store.page(user_id, job_id, limit=_STORES_SHOWN, offset=0)
    return _FRAME.page(
        request,
        "job.html",
        form=form,
        job=job,
        title=provider_titles(services.providers),
        tones=TONES,
        files=files[:_FILES_SHOWN],
        first_file=first_file,
        files_limit=_FILES_SHOWN,
        more_files=len(files) > _FILES_SHOWN,
        playable={file.id for file in files if _plays(job, file)},
        trace=trace[-_TRACE_SHOWN:],
        decisions=decisions,
        trace_limit=_TRACE_SHOWN,
        more_trace=len(trace) > _TRACE_SHOWN,
        targets=[(one.name, one.name) for one in await services.destinations.page(user_id, limit=_TARGETS, offset=0)],
        stores=stores,
        stores_open=any(not one.state.over for one in stores),
        names=await services.library.paths(user_id, job_id, [one.file_id for one in stores]),
    )


def _plays(job: Job, file: JobFile) -> bool:
    """Whether a browser may be able to play it."""
    return job.state is JobState.READY and (file.mime_type or "").startswith(_PLAYABLE)


async def _sources(form: Form) -> list[Source]:
    """What was handed in. Raises InvalidInput."""
    upload = form.upload("file")
    if upload is not None:
        if len(upload.content) > _UPLOAD_MAX:
            raise MalformedSource("This file is larger than 10 MiB; a .torrent or NZB is not.")
        return [await asyncio.to_thread(read_upload, upload.name, upload.content)]
    lines = [line for line in form.text("source", most=_TEXT_MAX).splitlines() if line.strip()]
    if form.errors:
        return []
    if len(lines) > 50:
        raise MalformedSource("At most 50 lines at a time.")
    return [read_source(line) for line in lines]


HANDLERS: Final = (page, submit, removed, show, play, cancel, remove, restore, look, store)
