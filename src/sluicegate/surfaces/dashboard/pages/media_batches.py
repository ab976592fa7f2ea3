"""Batches of media jobs: how far they are, names for their files before they run, and the start."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.core.media_batches import BatchState
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.pages.media_job import TONES as JOB_TONES
from sluicegate.surfaces.dashboard.returning import returning
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_Offset = Annotated[int, QueryParameter(ge=0, le=10_000_000)]
_PATH: Final = "/app/media/batches"
_PAGE: Final = 25
_JOBS: Final = 50
_FIELD: Final = "name-"
_FRAME: Final = Frame(
    "media",
    {
        "added": "The batch is accepted.",
        "paused": "The batch waits: name its files if you like, then start it.",
        "renamed": "The names are kept.",
        "started": "The batch has started.",
    },
)
TONES: Final = {
    BatchState.COMPLETED: "good",
    BatchState.FINISHED: "warn",
    BatchState.PAUSED: "warn",
    BatchState.PROCESSING: "soft",
}


@get("/media/batches")
async def page(request: _Request, services: _Services, offset: _Offset = 0) -> Response[str]:
    """Batches, newest first."""
    views = await services.media_batches.page(session_of(request).user_id, limit=_PAGE + 1, offset=offset)
    return _FRAME.page(
        request,
        "media_batches.html",
        views=views[:_PAGE],
        tones=TONES,
        offset=offset,
        limit=_PAGE,
        more=len(views) > _PAGE,
    )


@get("/media/batches/{batch_id:uuid}")
async def show(request: _Request, services: _Services, batch_id: FromPath[UUID], offset: _Offset = 0) -> Response[str]:
    """One batch and its jobs."""
    return await _page(request, services, batch_id, Form(), offset)


@post("/media/batches/{batch_id:uuid}/rename")
async def rename(request: _Request, services: _Services, batch_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Gives files of a paused batch other names; fields that are empty leave theirs alone."""
    form = await Form.of(request)
    offset = form.number("offset", int, least=0, most=10_000_000) or 0
    wanted: list[tuple[UUID | None, str, str]] = []
    for field in [name for name in form.values if name.startswith(_FIELD)][:_JOBS]:
        if text := form.text(field, most=255):
            job_id = _uuid(field.removeprefix(_FIELD))
            wanted.append((job_id, str(job_id), text))
    if not wanted and not form.errors:
        form.errors[""] = "Type a new name beside at least one file."
    if not form.errors:
        try:
            _, refused = await services.media_batches.rename(session_of(request).user_id, batch_id, wanted)
        except NotFound:
            raise
        except SluicegateError as error:
            form.errors[""] = sentence(error)
        else:
            if not refused:
                return go(f"{_PATH}/{batch_id}?offset={offset}", "renamed")
            form.errors[""] = "Some names were not kept: " + "; ".join(refused[:5])
    return await _page(request, services, batch_id, form, offset)


@post("/media/batches/{batch_id:uuid}/start")
async def start(request: _Request, services: _Services, batch_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Puts its jobs into the queue."""
    try:
        await services.media_batches.start(session_of(request).user_id, batch_id)
    except NotFound:
        raise
    except SluicegateError as error:
        return await _page(request, services, batch_id, Form(errors={"": sentence(error)}), 0)
    return go(f"{_PATH}/{batch_id}", "started")


async def _page(
    request: _Request, services: DashboardServices, batch_id: UUID, form: Form, offset: int
) -> Response[str]:
    user_id = session_of(request).user_id
    view = await services.media_batches.get(user_id, batch_id)
    jobs = await services.media_batches.jobs(user_id, batch_id, limit=_JOBS + 1, offset=offset)
    return _FRAME.page(
        request,
        "media_batch.html",
        form=form,
        view=view,
        jobs=jobs[:_JOBS],
        tones=TONES,
        job_tones=JOB_TONES,
        field=_FIELD,
        offset=offset,
        limit=_JOBS,
        more=len(jobs) > _JOBS,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


_BACK: Final = returning(1, *(f"/media/batches/{{batch_id:uuid}}/{act}" for act in ("rename", "start")))
HANDLERS: Final = (page, show, rename, start, _BACK)
