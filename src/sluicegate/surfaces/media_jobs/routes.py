"""Routes of the media jobs API: create, read, list and cancel (sheet, sections 4 to 6)."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter, SkipValidation

from sluicegate.core.errors import InvalidInput, NotFound, Unauthenticated
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.core.web_links import parse_link
from sluicegate.services.media_jobs import MediaJobService
from sluicegate.surfaces.media_jobs.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.media_jobs.operations import CreateOperation
from sluicegate.surfaces.media_jobs.options import read_options
from sluicegate.surfaces.media_jobs.schemas import (
    Accepted,
    Cancelled,
    CreateJob,
    ErrorBody,
    JobList,
    job_detail,
    job_row,
    read_state,
)

__all__ = ["MediaServices", "router"]

_LIMIT_DEFAULT: Final = 20
_LIMIT_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1
_BODY_MAX: Final = 256 * 1024

_Request = Request[Any, Any, Any]
_Id = Annotated[str, PathParameter(description="The job's id.", schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class MediaServices:
    """What the media jobs API calls."""

    jobs: MediaJobService
    keys: KeyVerifier


_Services = NamedDependency[SkipValidation[MediaServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: MediaServices) -> Router:
    """The API at ``/jobs``, for media keys (``x-api-key: sk_…``)."""
    return Router(
        path="/jobs",
        route_handlers=[create, page, show, cancel],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "caller": Provide(_authenticated),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_BODY_MAX,
        security=[{"media_key": []}],
        tags=["media jobs"],
    )


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """The documented errors of an operation."""
    return {status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in statuses}


async def _authenticated(request: _Request, services: _Services) -> Key:
    """Both sentences are fixed by the contract (section 1.1)."""
    text = request.headers.get("x-api-key")
    if text is None:
        raise Unauthenticated("Missing x-api-key header")
    try:
        return await services.keys.verify(text, KeyKind.MEDIA)
    except Unauthenticated as error:
        raise Unauthenticated("Invalid API Key") from error


@post(
    "/",
    summary="Create a job",
    responses=_refusals(400, 401, 403, 413),
    operation_class=CreateOperation,
    status_code=200,
)
async def create(request: _Request, caller: _Caller, services: _Services) -> Accepted:
    """Accepts a page, playlist or file URL; poll ``GET /jobs/{id}`` for the result."""
    body = _read(await request.body())
    job = await services.jobs.create(caller.user_id, parse_link(body.url), read_options(body))
    return Accepted(str(job.id))


@get("/", summary="List own jobs, newest first", responses=_refusals(400, 401))
async def page(
    caller: _Caller,
    services: _Services,
    limit: Annotated[
        int, QueryParameter(description="Items of a page; 1 to 100, others are clamped.")
    ] = _LIMIT_DEFAULT,
    offset: Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")] = 0,
    status: Annotated[str | None, QueryParameter(description="Only jobs in this state.")] = None,
) -> JobList:
    """One page of the caller's jobs; ``total`` counts all of them."""
    limit = max(1, min(limit, _LIMIT_MAX))
    jobs, total = await services.jobs.page(caller.user_id, limit=limit, offset=offset, state=read_state(status))
    return JobList([job_row(job) for job in jobs], total, limit, offset)


@get("/{job_id:str}", summary="One job", responses=_refusals(401, 404))
async def show(caller: _Caller, services: _Services, job_id: _Id) -> Response[dict[str, Any]]:
    """A job of the caller; its file URLs are signed afresh on every read."""
    job = await services.jobs.get(caller.user_id, _uuid(job_id))
    url, subtitle, thumbnail = (services.jobs.file_url(job, part) for part in ("media", "subtitle", "thumbnail"))
    return Response(job_detail(job, url=url, subtitle=subtitle, thumbnail=thumbnail))


@delete("/{job_id:str}", summary="Cancel a pending job", responses=_refusals(400, 401, 404), status_code=200)
async def cancel(caller: _Caller, services: _Services, job_id: _Id) -> Cancelled:
    """Takes a job out of the queue; one that has begun runs on."""
    job = await services.jobs.cancel(caller.user_id, _uuid(job_id))
    return Cancelled("Job cancelled successfully", str(job.id))


def _read(raw: bytes) -> CreateJob:
    try:
        return msgspec.json.decode(raw, type=CreateJob)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The request body is not as expected: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("The request body is not well-formed JSON.") from error


def _uuid(text: str) -> UUID:
    """An id from the path; one that cannot be ours is as unknown as any other."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise NotFound("Job not found")
