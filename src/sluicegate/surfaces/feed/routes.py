"""The route of the outbound feed: endpoint 19 of the library sheet."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, route
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter, SkipValidation

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.services.outbound_feed import ITEMS_MAX, OutboundFeed
from sluicegate.surfaces.feed.document import CONTENT_TYPE, render_feed
from sluicegate.surfaces.feed.errors import EXCEPTION_HANDLERS, ErrorBody
from sluicegate.web.auth import Carrier, presented_key, scope_of
from sluicegate.web.conditions import Validators
from sluicegate.web.limits import FailedAttempts
from sluicegate.web.routing import SurfaceRouter

__all__ = ["OutboundServices", "router"]

_OFFSET_MAX: Final = 2**31 - 1
_NOT_ADMITTED: Final = "A token is missing or not valid. The address is /v1/feed.rss?token=…"

_Request = Request[Any, Any, Any]
_Limit = Annotated[int, QueryParameter(description="Most items; 1 to 100, others are clamped.")]
_Offset = Annotated[int, QueryParameter(ge=0, le=_OFFSET_MAX, description="Items to skip.")]
_Token = Annotated[str, QueryParameter(description="A feed key tf_… (or a library key tu_…).", max_length=200)]


@dataclass(frozen=True, slots=True)
class OutboundServices:
    """What this route calls; ``base_url`` is asked each time, as a port may be known late."""

    feed: OutboundFeed
    keys: KeyVerifier
    base_url: Callable[[], str]
    attempts: FailedAttempts | None


_Services = NamedDependency[SkipValidation[OutboundServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: OutboundServices) -> Router:
    """The route; it takes its key from the query alone, as the contract says."""
    return SurfaceRouter(
        path="/v1",
        route_handlers=[feed],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "caller": Provide(_caller),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        tags=["feeds"],
    )


async def _caller(request: _Request, services: _Services) -> Key:
    """The key in the query: made for feeds, or a library key as in the contract."""
    peer = request.client.host if request.client else ""
    try:
        text = presented_key(scope_of(request), Carrier.QUERY)
        kind = KeyKind.LIBRARY if text.startswith(KeyKind.LIBRARY.prefix) else KeyKind.FEED
        return await services.keys.verify(text, kind)
    except Unauthenticated:
        if services.attempts is not None:
            services.attempts.check(peer)
            services.attempts.failed(peer)
        raise Unauthenticated(_NOT_ADMITTED, action="Make one with 'sluicegate keys create --kind feed'.") from None


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    return {status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in statuses}


@route(
    "/feed.rss",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    summary="The ready torrents as RSS",
    responses=_refusals(400, 401, 429)
    | {304: ResponseSpec(None, generate_examples=False, description="Nothing has changed.")},
    media_type="application/rss+xml",
)
async def feed(
    request: _Request,
    caller: _Caller,
    services: _Services,
    token: _Token = "",
    limit: _Limit = ITEMS_MAX,
    offset: _Offset = 0,
) -> Response[bytes]:
    """Newest first; only torrents of at least 2 MiB, as a smaller one makes Sonarr and Radarr refuse the whole feed."""
    del token  # it was read, and is never parsed again
    items = await services.feed.page(caller.user_id, limit=max(1, min(limit, ITEMS_MAX)), offset=offset)
    body = render_feed(items, link=services.base_url())
    newest = max((item.published_at for item in items), default=None)
    validators = Validators(
        f'"{hashlib.sha256(body).hexdigest()[:32]}"', newest.replace(microsecond=0) if newest else None
    )
    headers = {name.decode(): value.decode() for name, value in validators.headers()}
    headers |= {"cache-control": "private, no-cache", "content-type": CONTENT_TYPE}
    status = validators.precondition(lambda name: request.headers.get(name.decode()))
    if status is not None:
        return Response(b"", status_code=status, headers=headers, media_type=CONTENT_TYPE)
    return Response(b"" if request.method == "HEAD" else body, headers=headers, media_type=CONTENT_TYPE)
