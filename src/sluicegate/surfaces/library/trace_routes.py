"""Routes of the library API that explain: why a job is where it is, and what a submit would do. Both are ours."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter, SkipValidation

from sluicegate.core.keys import Key
from sluicegate.services.library import LibraryService
from sluicegate.services.simulate import SimulateService
from sluicegate.surfaces.library.bodies import UPLOAD_MAX, SubmissionReader
from sluicegate.surfaces.library.operations import SubmitOperation
from sluicegate.surfaces.library.parts import library_router, own_id, refusals
from sluicegate.surfaces.library.trace_schemas import SimulationBody, TraceBody, simulation_body, trace_body

__all__ = ["TraceServices", "router"]

_PAGE_DEFAULT: Final = 100
_PAGE_MAX: Final = 500
_OFFSET_MAX: Final = 2**31 - 1

_Request = Request[Any, Any, Any]
_Id = Annotated[str, PathParameter(description="The job's id.", schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class TraceServices:
    """What these routes call."""

    library: LibraryService
    simulate: SimulateService


_Services = NamedDependency[SkipValidation[TraceServices]]
_Reader = NamedDependency[SkipValidation[SubmissionReader]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: TraceServices) -> Router:
    """The routes, for library keys (``Authorization: Bearer tu_…``)."""
    reader = SubmissionReader()
    return library_router(
        "/v1/torrents",
        [trace, simulate],
        services,
        body_max=UPLOAD_MAX,
        reader=reader,
    )


@get("/{job_id:str}/trace", summary="Why a job is where it is", responses=refusals(400, 401, 404))
async def trace(
    caller: _Caller,
    services: _Services,
    job_id: _Id,
    limit: Annotated[int, QueryParameter(description="Entries of a page; 1 to 500, others are clamped.")] = (
        _PAGE_DEFAULT
    ),
    offset: Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Entries to skip.")] = 0,
) -> TraceBody:
    """Every decision about the job, oldest first: who was asked, what was said, how long it took, by which rule."""
    limit = max(1, min(limit, _PAGE_MAX))
    entries = await services.library.trace(caller.user_id, own_id(job_id), limit=limit, offset=offset)
    return trace_body(entries, limit, offset)


@post(
    "/simulate",
    summary="What a submit would do",
    responses=refusals(400, 401, 409, 413, 415, 422),
    operation_class=SubmitOperation,
    status_code=200,
)
async def simulate(request: _Request, caller: _Caller, services: _Services, reader: _Reader) -> SimulationBody:
    """Tells who would be asked in which order and why, without making a job or a transfer.

    Accounts are asked whether they have the hash, within what their ledgers allow.
    """
    source = await reader.read(request)
    return simulation_body(await services.simulate.simulate(caller.user_id, source))
