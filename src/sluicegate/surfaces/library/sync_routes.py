"""Routes of the library API that ask providers now, tell what is missing, and remove and bring back.

Endpoint 5 of the sheet is here; the others are ours.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation

from sluicegate.core.jobs import Job
from sluicegate.core.keys import Key
from sluicegate.services.account_looks import AccountLooks
from sluicegate.services.sync import SyncService
from sluicegate.services.tombstones import TombstoneService
from sluicegate.surfaces.library.parts import library_router, own_id, refusals
from sluicegate.surfaces.library.schemas import JobBody, job_body
from sluicegate.surfaces.library.sync_schemas import (
    AccountLookBody,
    LooksBody,
    RemovalBody,
    RemovedJobBody,
    RemovedPageBody,
    SyncBody,
    look_body,
    looks_body,
    removed_body,
    sync_body,
)

__all__ = ["SyncServices", "router"]

_PAGE_DEFAULT: Final = 25
_PAGE_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1
_BODY_MAX: Final = 4096

_Id = Annotated[str, PathParameter(description="The job's id.", schema_extra={"format": "uuid"})]
_AccountId = Annotated[str, PathParameter(description="The account's id.", schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class SyncServices:
    """What these routes call."""

    sync: SyncService
    looks: AccountLooks
    tombstones: TombstoneService


_Services = NamedDependency[SkipValidation[SyncServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: SyncServices) -> Router:
    """The routes, for library keys (``Authorization: Bearer tu_…``)."""
    return library_router(
        "/v1", [sync, looks, look_now, confirm, remove, restore, removed], services, body_max=_BODY_MAX
    )


@post("/torrents/{job_id:str}/sync", summary="Ask the provider now", responses=refusals(401, 404, 502), status_code=200)
async def sync(caller: _Caller, services: _Services, job_id: _Id) -> SyncBody:
    """Brings one job up to date ahead of its turn; an error of the provider is told inside ``sync``."""
    return sync_body(await services.sync.run_one(caller.user_id, own_id(job_id)))


@get("/sync", summary="What is known about each account's sync", responses=refusals(401))
async def looks(caller: _Caller, services: _Services) -> LooksBody:
    """How the last look at each account went, what is missing there, and what the brake holds."""
    return looks_body(await services.looks.page(caller.user_id))


@post("/sync", summary="Ask all accounts now", responses=refusals(401), status_code=200)
async def look_now(caller: _Caller, services: _Services) -> LooksBody:
    """Brings everything of the caller up to date; what could not be read is told account by account."""
    return looks_body(await services.looks.look_now(caller.user_id))


@post(
    "/sync/{account_id:str}/confirm",
    summary="Confirm that what vanished at once is gone",
    responses=refusals(401, 404, 409),
    status_code=200,
)
async def confirm(caller: _Caller, services: _Services, account_id: _AccountId) -> AccountLookBody:
    """Lets the brake on mass removal go: the items it holds are marked as missing."""
    return look_body(await services.looks.confirm(caller.user_id, own_id(account_id)))


@post(
    "/torrents/{job_id:str}/remove",
    summary="Remove a job from the library",
    responses=refusals(400, 401, 404, 422),
    status_code=200,
)
async def remove(
    caller: _Caller, services: _Services, job_id: _Id, data: JSONBody[RemovalBody | None] = None
) -> RemovedJobBody:
    """Hides a job; it can be brought back until the grace period is over. An unfinished one is ended."""
    at_provider = data.at_provider if data is not None else False
    job = await services.tombstones.remove(caller.user_id, own_id(job_id), at_provider=at_provider)
    return _removed(services, job)


@post(
    "/torrents/{job_id:str}/restore",
    summary="Bring a removed job back",
    responses=refusals(401, 404, 409),
    status_code=200,
)
async def restore(caller: _Caller, services: _Services, job_id: _Id) -> JobBody:
    """The job as it was; one that was unfinished goes on."""
    return job_body(await services.tombstones.restore(caller.user_id, own_id(job_id)))


@get("/removed", summary="List removed jobs", responses=refusals(400, 401))
async def removed(
    caller: _Caller,
    services: _Services,
    limit: Annotated[int, QueryParameter(description="Items of a page; 1 to 100, others are clamped.")] = _PAGE_DEFAULT,
    offset: Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")] = 0,
) -> RemovedPageBody:
    """What the caller removed and can bring back, the last removed first."""
    limit = max(1, min(limit, _PAGE_MAX))
    jobs = await services.tombstones.page(caller.user_id, limit=limit, offset=offset)
    return RemovedPageBody([_removed(services, job) for job in jobs], limit, offset)


def _removed(services: SyncServices, job: Job) -> RemovedJobBody:
    return removed_body(job, services.tombstones.ends_at(job) or job.updated_at)
