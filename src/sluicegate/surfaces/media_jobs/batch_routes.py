"""Routes below ``/batch``: progress, names and start of batches (sheet, section 9)."""

import contextlib
from uuid import UUID

from litestar import Router, get, patch, post

from sluicegate.core.errors import NotFound
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
from sluicegate.surfaces.media_jobs.operations import RenameOperation
from sluicegate.surfaces.media_jobs.schemas import BatchBody, Renamed, Renames, Started

__all__ = ["router"]


def router(services: MediaServices) -> Router:
    """The API at ``/batch``, for media keys."""
    return routed("/batch", services, [show, rename, start])


@get("/{batch_id:str}", summary="One batch", responses=refusals(401, 404))
async def show(caller: Caller, services: Services, batch_id: Id) -> BatchBody:
    """How far a batch is; items without a file count as failed, whatever the reason."""
    view = await services.batches.get(caller.user_id, as_uuid(batch_id, "Batch"))
    batch = view.batch
    return BatchBody(
        id=str(batch.id),
        show_url=batch.source_url,
        status=batch.state.value,
        folder=batch.folder,
        total_episodes=batch.total,
        completed_episodes=view.counts.completed,
        failed_episodes=view.counts.failed,
        episode_jobs=[str(job_id) for job_id in view.job_ids],
    )


@patch(
    "/{batch_id:str}/jobs",
    summary="Rename files of a paused batch",
    responses=refusals(400, 401, 404, 413),
    operation_class=RenameOperation,
)
async def rename(request: AnyRequest, caller: Caller, services: Services, batch_id: Id) -> Renamed:
    """Gives jobs other file names before they run; each that cannot be renamed has a sentence in ``errors``."""
    body = decoded(await request.body(), Renames)
    wanted = [(_job_id(item.job_id), item.job_id[:100], item.filename) for item in body.renames]
    updated, errors = await services.batches.rename(caller.user_id, as_uuid(batch_id, "Batch"), wanted)
    return Renamed(updated, errors)


@post("/{batch_id:str}/start", summary="Start a paused batch", responses=refusals(400, 401, 404), status_code=200)
async def start(caller: Caller, services: Services, batch_id: Id) -> Started:
    """Puts the jobs of a paused batch into the queue."""
    started = await services.batches.start(caller.user_id, as_uuid(batch_id, "Batch"))
    return Started(batch_id, started, "processing")


def _job_id(text: str) -> UUID | None:
    with contextlib.suppress(NotFound):  # no id of ours
        return as_uuid(text)
    return None
