"""Routes of the library API that play files: endpoint 6 of its sheet."""

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import PathParameter, SkipValidation

from sluicegate.core.keys import Key, TokenKey
from sluicegate.core.usage import Counter
from sluicegate.services.playback import PlaybackService, Viewer
from sluicegate.services.usage import UsageService
from sluicegate.surfaces.library.parts import library_router, own_id, refusals
from sluicegate.surfaces.library.schemas import StreamBody, stream_body

__all__ = ["PlaybackServices", "router"]

_Request = Request[Any, Any, Any]
_Id = Annotated[str, PathParameter(description="The job's id.", schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class PlaybackServices:
    """What these routes call; ``callers`` verifies keys and tokens, ``usage`` counts the links that were made."""

    playback: PlaybackService
    usage: UsageService | None = None


_Services = NamedDependency[SkipValidation[PlaybackServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: PlaybackServices) -> Router:
    """The routes, for library keys and tokens."""
    return library_router("/v1/torrents", [stream], services)


@get(
    "/{job_id:str}/files/{file_id:str}/stream",
    summary="Make a stream URL",
    cache_control=CacheControlHeader(no_store=True),
    responses=refusals(400, 401, 403, 404, 409, 422, 502),
)
async def stream(request: _Request, caller: _Caller, services: _Services, job_id: _Id, file_id: _Id) -> StreamBody:
    """A URL that plays one file of a ready job, by the caller's preference of how to play."""
    # A web token has no row of its own that could be revoked: such a link ends by itself, or with its user or job.
    key_id = None if isinstance(caller, TokenKey) else caller.id
    viewer = Viewer(request.client.host if request.client else None, key_id)
    answer = await services.playback.stream_link(caller.user_id, own_id(job_id), own_id(file_id), viewer=viewer)
    if services.usage is not None:
        services.usage.count(caller.user_id, Counter.STREAM_URLS_MINTED)
    return stream_body(answer)
