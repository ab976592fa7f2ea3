"""Routes of keys that stand in URLs (ours): made for one feed reader or player, and revoked without touching others."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation

from sluicegate.core.errors import NotFound
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.services.link_keys import LinkKeyService
from sluicegate.surfaces.library.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.library.feed_schemas import (
    LinkKeyPageBody,
    LinkKeyRequestBody,
    NewLinkKeyBody,
    link_key_body,
)
from sluicegate.surfaces.library.schemas import ErrorBody
from sluicegate.web.auth import Carrier, caller_of, key_guard
from sluicegate.web.limits import FailedAttempts

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
    callers: KeyVerifier


_Services = NamedDependency[SkipValidation[LinkKeyServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: LinkKeyServices, *, attempts: FailedAttempts | None = None) -> Router:
    """The routes below ``/v1/link-keys``, for library keys and tokens."""
    return Router(
        path="/v1/link-keys",
        route_handlers=[page, create, revoke],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "caller": Provide(caller_of, sync_to_thread=False),
        },
        guards=[key_guard(services.callers, KeyKind.LIBRARY, Carrier.BEARER, attempts=attempts)],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_BODY_MAX,
        security=[{"library_key": []}],
        tags=["feeds"],
    )


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in (401, *statuses)
    }


@get("/", summary="Keys that stand in URLs", responses=_refusals(400))
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


@post("/", summary="Make a key for a feed reader or for Stremio", responses=_refusals(400, 413))
async def create(caller: _Caller, services: _Services, data: JSONBody[LinkKeyRequestBody]) -> Response[NewLinkKeyBody]:
    """The URL is shown this once."""
    key, url = await services.keys.create(caller.user_id, data.kind, data.label)
    body = NewLinkKeyBody(**msgspec.structs.asdict(link_key_body(key)), url=url)
    return Response(body, status_code=201, headers={"cache-control": "no-store"})


@delete("/{key_id:str}", summary="Revoke one", responses=_refusals(404))
async def revoke(caller: _Caller, services: _Services, key_id: _Id) -> None:
    """URLs with it stop working at once."""
    await services.keys.revoke(caller.user_id, _uuid(key_id))


def _uuid(text: str) -> UUID:
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise NotFound("There is no such key.")
