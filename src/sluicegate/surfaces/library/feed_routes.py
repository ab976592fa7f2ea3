"""Routes of feeds: endpoints 14 to 18 of the library sheet with their aliases, and (ours) what was made of items."""

from dataclasses import dataclass
from typing import Annotated, Final

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation

from sluicegate.core.keys import Key
from sluicegate.services.feed_poll import FeedPoller
from sluicegate.services.feeds import FeedService
from sluicegate.surfaces.library.feed_schemas import (
    FeedBody,
    FeedItemPageBody,
    FeedPageBody,
    FeedPatchBody,
    FeedRequestBody,
    PollBody,
    change_of,
    feed_body,
    item_body,
    poll_body,
)
from sluicegate.surfaces.library.parts import library_router, own_id, refusals

__all__ = ["FeedServices", "router"]

_PAGE_DEFAULT: Final = 25
_PAGE_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1
_BODY_MAX: Final = 64 * 1024

_Id = Annotated[str, PathParameter(description="The feed's id.", schema_extra={"format": "uuid"})]
_Limit = Annotated[int, QueryParameter(description="Items of a page; 1 to 100, others are clamped.")]
_Offset = Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")]


@dataclass(frozen=True, slots=True)
class FeedServices:
    """What these routes call; ``callers`` verifies keys and tokens."""

    feeds: FeedService
    poller: FeedPoller


_NOBODY: Final = "There is no such feed."
_Services = NamedDependency[SkipValidation[FeedServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: FeedServices) -> Router:
    """The routes below ``/v1``, for library keys and tokens."""
    return library_router(
        "/v1",
        [page, add, change, remove, poll, items],
        services,
        body_max=_BODY_MAX,
        tag="feeds",
    )


def _both(path: str = "") -> list[str]:
    """The suggested path and the alias that absorbs a wrong guess (sheet, section 4)."""
    return [f"/rss-feeds{path}", f"/rss{path}"]


@get(_both(), summary="List own feeds", responses=refusals(400))
async def page(
    caller: _Caller, services: _Services, limit: _Limit = _PAGE_DEFAULT, offset: _Offset = 0
) -> FeedPageBody:
    """Oldest first."""
    limit = max(1, min(limit, _PAGE_MAX))
    feeds = await services.feeds.page(caller.user_id, limit=limit, offset=offset)
    return FeedPageBody([feed_body(feed) for feed in feeds], limit, offset)


@post(_both(), summary="Subscribe to a feed", responses=refusals(400, 402, 413, 422))
async def add(caller: _Caller, services: _Services, data: JSONBody[FeedRequestBody]) -> FeedBody:
    """It is read within seconds; what it lists from before is not fetched."""
    return feed_body(await services.feeds.add(caller.user_id, change_of(data)))


@patch(_both("/{feed_id:str}"), summary="Change the given fields", responses=refusals(400, 404, 413, 422))
async def change(caller: _Caller, services: _Services, feed_id: _Id, data: JSONBody[FeedPatchBody]) -> FeedBody:
    """Fields that are left out keep their value. A looser filter brings nothing old; a new URL is a new feed."""
    return feed_body(await services.feeds.update(caller.user_id, own_id(feed_id, _NOBODY), change_of(data)))


@delete(_both("/{feed_id:str}"), summary="Unsubscribe", responses=refusals(404))
async def remove(caller: _Caller, services: _Services, feed_id: _Id) -> None:
    """The jobs that it made stay."""
    await services.feeds.remove(caller.user_id, own_id(feed_id, _NOBODY))


@post(
    [*_both("/{feed_id:str}/poll"), *_both("/{feed_id:str}/fetch"), *_both("/{feed_id:str}/refresh")],
    summary="Poll now",
    responses=refusals(404, 409),
    status_code=200,
)
async def poll(caller: _Caller, services: _Services, feed_id: _Id) -> PollBody:
    """The same reading, filtering and submitting as in its turn; a feed that cannot be read is told in ``error``."""
    return poll_body(await services.poller.poll(own_id(feed_id, _NOBODY), user_id=caller.user_id))


@get(_both("/{feed_id:str}/items"), summary="What was made of its items", responses=refusals(400, 404))
async def items(
    caller: _Caller, services: _Services, feed_id: _Id, limit: _Limit = _PAGE_DEFAULT, offset: _Offset = 0
) -> FeedItemPageBody:
    """Newest first, with the reason of each decision."""
    limit = max(1, min(limit, _PAGE_MAX))
    found = await services.feeds.items(caller.user_id, own_id(feed_id, _NOBODY), limit=limit, offset=offset)
    return FeedItemPageBody([item_body(item) for item in found], limit, offset)
