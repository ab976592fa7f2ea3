"""Routes of keys that stand in URLs (ours): made for one feed reader or player, and revoked without touching others."""

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation

from sluicegate.core.keys import Key
from sluicegate.services.link_keys import LinkKeyService
from sluicegate.surfaces.library.feed_schemas import (
    LinkKeyPageBody,
    LinkKeyRequestBody,
    NewLinkKeyBody,
    link_key_body,
)
from sluicegate.surfaces.library.parts import library_router, own_id, refusals

__all__ = ["LinkKeyServices", "router"]

_PAGE_DEFAULT: Final = 25
_PAGE_MAX: Final = 100
_OFFSET_MAX: Final = 2**31 - 1
_BODY_MAX: Final = 16 * 1024

_Id = Annotated[str, PathParameter(description="The key's id.", schema_extra={"format": "uuid"})]


@dataclass(frozen=True, slots=True)
class LinkKeyServices:
    """What these routes call; ``callers`` verifies keys and tokens."""

    keys: LinkKeyService


_NOBODY: Final = "There is no such key."
_Services = NamedDependency[SkipValidation[LinkKeyServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: LinkKeyServices) -> Router:
    """The routes below ``/v1/link-keys``, for library keys and tokens."""
    return library_router(
        "/v1/link-keys",
        [page, create, revoke],
        services,
        body_max=_BODY_MAX,
        tag="feeds",
    )


@get("/", summary="Keys that stand in URLs", responses=refusals(400))
async def page(
    caller: _Caller,
    services: _Services,
    limit: Annotated[int, QueryParameter(description="Items of a page; 1 to 100, others are clamped.")] = _PAGE_DEFAULT,
    offset: Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")] = 0,
) -> LinkKeyPageBody:
    """Newest first, without their secrets."""
    limit = max(1, min(limit, _PAGE_MAX))
    found = await services.keys.page(caller.user_id, limit=limit, offset=offset)
    return LinkKeyPageBody([link_key_body(key) for key in found], limit, offset)


@post("/", summary="Make a key for a feed reader or for Stremio", responses=refusals(400, 413))
async def create(caller: _Caller, services: _Services, data: JSONBody[LinkKeyRequestBody]) -> Response[NewLinkKeyBody]:
    """The URL is shown this once."""
    key, url = await services.keys.create(caller.user_id, data.kind, data.label)
    body = NewLinkKeyBody(**msgspec.structs.asdict(link_key_body(key)), url=url)
    return Response(body, status_code=201, headers={"cache-control": "no-store"})


@delete("/{key_id:str}", summary="Revoke one", responses=refusals(404))
async def revoke(caller: _Caller, services: _Services, key_id: _Id) -> None:
    """URLs with it stop working at once."""
    await services.keys.revoke(caller.user_id, own_id(key_id, _NOBODY))
