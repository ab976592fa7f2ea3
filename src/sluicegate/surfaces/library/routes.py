"""Routes of the library API: endpoints 1 to 4 of its sheet."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter, SkipValidation

from sluicegate.core.jobs import JobState
from sluicegate.core.keys import Key
from sluicegate.services.library import LibraryService
from sluicegate.services.submit import SubmitService
from sluicegate.surfaces.library.bodies import UPLOAD_MAX, SubmissionReader
from sluicegate.surfaces.library.errors import failure_of
from sluicegate.surfaces.library.operations import SubmitOperation
from sluicegate.surfaces.library.parts import library_router, own_id, refusals
from sluicegate.surfaces.library.schemas import (
    JobBody,
    JobDetailBody,
    JobPageBody,
    job_body,
    job_detail_body,
)

__all__ = ["LibraryServices", "router"]

_PAGE_DEFAULT: Final = 25
_PAGE_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1
_WAIT: Final = re.compile(r"\bwait=(\d{1,4})\b", re.ASCII)

_Request = Request[Any, Any, Any]
_Id = Annotated[str, PathParameter(description="The job's id.", schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class LibraryServices:
    """What the library API calls.

    Attributes:
        patience: seconds a submit waits for its placement, unless the client asks for less (``Prefer``, RFC 7240).
    """

    submit: SubmitService
    library: LibraryService
    patience: float


_Services = NamedDependency[SkipValidation[LibraryServices]]
_Reader = NamedDependency[SkipValidation[SubmissionReader]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: LibraryServices) -> Router:
    """The API below ``/v1/torrents``, for library keys (``Authorization: Bearer tu_…``)."""
    reader = SubmissionReader()
    return library_router(
        "/v1/torrents",
        [submit, page, show, cancel],
        services,
        body_max=UPLOAD_MAX,
        reader=reader,
    )


@post(
    "/",
    summary="Submit a magnet, an info hash, a link, or a .torrent",
    responses={201: ResponseSpec(JobBody, description="A new job.")} | refusals(400, 401, 402, 409, 413, 415, 422, 502),
    operation_class=SubmitOperation,
    status_code=200,
)
async def submit(request: _Request, caller: _Caller, services: _Services, reader: _Reader) -> Response[JobBody]:
    """Starts a job, or finds the one that runs or is ready for this source already."""
    source = await reader.read(request)
    job, created = await services.submit.submit(
        caller.user_id, source, patience=_patience(request.headers.get("prefer", ""), services.patience)
    )
    if created and job.state is JobState.FAILED:
        raise failure_of(job)
    return Response(job_body(job), status_code=201 if created else 200)


@get("/", summary="List own jobs, newest first", responses=refusals(400, 401))
async def page(
    caller: _Caller,
    services: _Services,
    limit: Annotated[int, QueryParameter(description="Items of a page; 1 to 100, others are clamped.")] = _PAGE_DEFAULT,
    offset: Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")] = 0,
) -> JobPageBody:
    """One page of the caller's jobs."""
    limit = max(1, min(limit, _PAGE_MAX))
    jobs = await services.library.page(caller.user_id, limit=limit, offset=offset)
    return JobPageBody([job_body(job) for job in jobs], limit, offset)


@get("/{job_id:str}", summary="One job with its files", responses=refusals(401, 404))
async def show(caller: _Caller, services: _Services, job_id: _Id) -> JobDetailBody:
    """A job of the caller."""
    job, files = await services.library.get(caller.user_id, own_id(job_id))
    return job_detail_body(job, files)


@delete("/{job_id:str}", summary="Cancel a job", responses=refusals(401, 404))
async def cancel(caller: _Caller, services: _Services, job_id: _Id) -> None:
    """Cancels a job in flight; a job that is over stays as it is, and the answer is the same."""
    await services.library.cancel(caller.user_id, own_id(job_id))


def _patience(prefer: str, patience: float) -> float:
    """The client may shorten the wait with ``respond-async`` or ``wait=seconds``, never lengthen it."""
    prefer = prefer.lower()
    if "respond-async" in prefer:
        return 0.0
    wait = _WAIT.search(prefer)
    return min(patience, float(wait[1])) if wait else patience
