"""Routes below ``/jobs``: create, read, list, cancel, repeat, delete the file, follow (sheet, sections 4 to 7)."""

from typing import Annotated, Any, Final

from litestar import MediaType, Response, Router, delete, get, post
from litestar.params import QueryParameter

from sluicegate.core.errors import InvalidInput, MalformedSource
from sluicegate.core.media_batches import MediaBatch
from sluicegate.core.media_jobs import MediaJob
from sluicegate.core.sources import WebLink
from sluicegate.core.web_links import parse_link
from sluicegate.services.media_jobs import Draft
from sluicegate.surfaces.media_jobs.calls import (
    AnyRequest,
    Caller,
    Id,
    MediaServices,
    Services,
    as_uuid,
    decoded,
    refusals,
    routed,
)
from sluicegate.surfaces.media_jobs.operations import BulkOperation, CreateOperation
from sluicegate.surfaces.media_jobs.options import BULK_MAX, read_options
from sluicegate.surfaces.media_jobs.progress_stream import ProgressStream
from sluicegate.surfaces.media_jobs.schemas import (
    Accepted,
    AcceptedBatch,
    AcceptedBulk,
    Cancelled,
    CreateBulk,
    CreateJob,
    Episode,
    FileDeleted,
    JobList,
    Requeued,
    job_detail,
    job_row,
    read_state,
)

__all__ = ["MediaServices", "router"]

_LIMIT_DEFAULT: Final = 20
_LIMIT_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1


def router(services: MediaServices) -> Router:
    """The API at ``/jobs``, for media keys."""
    return routed("/jobs", services, [create, bulk, page, show, cancel, retry, delete_file, events])


@post(
    "/",
    summary="Create a job, or a batch from a collection",
    responses=refusals(400, 401, 403, 413, 504),
    operation_class=CreateOperation,
    status_code=200,
)
async def create(request: AnyRequest, caller: Caller, services: Services) -> Accepted | AcceptedBatch:
    """Accepts a page, collection or file; poll ``GET /jobs/{id}`` or ``GET /batch/{id}`` for the result."""
    body = decoded(await request.body(), CreateJob)
    options = read_options(body, body.filename)
    link = _link(body.url, "url")
    storage = None if body.storage is None else await services.jobs.target(caller.user_id, body.storage)
    entries = await services.pages.entries(caller.user_id, link.url)
    if not entries and not body.paused:
        job = await services.jobs.create(caller.user_id, link, options, storage=storage, priority=body.priority)
        return Accepted(str(job.id))
    drafts = [Draft(link, options)]
    if entries:
        drafts = [Draft(WebLink(entry.url), options, entry.title) for entry in entries]
    batch, jobs = await services.jobs.create_batch(
        caller.user_id, drafts, source_url=link.url, storage=storage, paused=body.paused
    )
    return _accepted(batch, jobs, paused=body.paused)


@post(
    "/bulk",
    summary="Create up to 100 jobs",
    responses=refusals(400, 401, 403, 413),
    operation_class=BulkOperation,
    status_code=200,
)
async def bulk(request: AnyRequest, caller: Caller, services: Services) -> AcceptedBulk:
    """Accepts a list of pages and files as one batch; collections are not expanded here."""
    body = decoded(await request.body(), CreateBulk)
    if not body.jobs:
        raise InvalidInput("jobs must hold at least one job", field="jobs")
    if len(body.jobs) > BULK_MAX:
        raise InvalidInput(f"Maximum {BULK_MAX} jobs per bulk request", field="jobs")
    drafts = [
        Draft(_link(item.url, f"jobs[{number}].url"), read_options(body, item.filename))
        for number, item in enumerate(body.jobs)
    ]
    storage = None if body.storage is None else await services.jobs.target(caller.user_id, body.storage)
    batch, jobs = await services.jobs.create_batch(caller.user_id, drafts, storage=storage, paused=body.paused)
    return AcceptedBulk(str(batch.id), batch.total, [str(job.id) for job in jobs])


@get("/", summary="List own jobs, newest first", responses=refusals(400, 401))
async def page(
    caller: Caller,
    services: Services,
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


@get("/{job_id:str}", summary="One job", responses=refusals(401, 404))
async def show(caller: Caller, services: Services, job_id: Id) -> Response[dict[str, Any]]:
    """A job of the caller; its file URLs are signed afresh on every read."""
    job = await services.jobs.get(caller.user_id, as_uuid(job_id))
    urls = [await services.jobs.file_url(job, part) for part in ("media", "subtitle", "thumbnail")]
    told = await services.jobs.webhook_state(job)
    return Response(job_detail(job, url=urls[0], subtitle=urls[1], thumbnail=urls[2], webhook=told))


@delete("/{job_id:str}", summary="Cancel a job", responses=refusals(400, 401, 404), status_code=200)
async def cancel(
    caller: Caller,
    services: Services,
    job_id: Id,
    force: Annotated[bool, QueryParameter(description="Also end a job that has begun (our addition).")] = False,  # noqa: FBT002 - a flag in the address
) -> Cancelled:
    """Takes a job out of the queue; one that has begun runs on unless ``force`` is given."""
    job = await services.jobs.cancel(caller.user_id, as_uuid(job_id), at_work=force)
    return Cancelled("Job cancelled successfully", str(job.id))


@post("/{job_id:str}/retry", summary="Run a failed job again", responses=refusals(400, 401, 403, 404), status_code=200)
async def retry(caller: Caller, services: Services, job_id: Id) -> Requeued:
    """Makes a new job like one that ended as Failed or Warning; the old one stays as it is."""
    job = await services.jobs.retry(caller.user_id, as_uuid(job_id))
    return Requeued(str(job.id), str(job.retry_of), "Job re-queued successfully")


@delete("/{job_id:str}/file", summary="Delete a job's file", responses=refusals(400, 401, 404), status_code=200)
async def delete_file(caller: Caller, services: Services, job_id: Id) -> FileDeleted:
    """Deletes the stored file for good; the job stays, the storage counter too."""
    job, key = await services.jobs.delete_file(caller.user_id, as_uuid(job_id))
    return FileDeleted("File deleted successfully", str(job.id), key)


@get(
    "/{job_id:str}/events",
    summary="Follow a job's progress",
    description="Server-sent events (our addition): `progress` with status, step, progress and bytes, until the job "
    "is over; the last one is named `over`.",
    media_type=MediaType.TEXT,
    responses=refusals(401, 404, 429),
)
async def events(caller: Caller, services: Services, job_id: Id) -> ProgressStream:
    """A stream of one job."""
    job = await services.jobs.get(caller.user_id, as_uuid(job_id))
    return ProgressStream(services.changes, services.jobs, job)


def _link(url: str, field: str) -> WebLink:
    try:
        return parse_link(url)
    except InvalidInput as error:
        raise MalformedSource(f"{field}: {error.detail}", field=field) from error


def _accepted(batch: MediaBatch, jobs: list[MediaJob], *, paused: bool) -> AcceptedBatch:
    episodes = [Episode(str(job.id), job.url, job.result.title) for job in jobs]
    return AcceptedBatch(str(batch.id), batch.total, paused, episodes, [episode.job_id for episode in episodes])
