"""Route of the change stream."""

from functools import partial
from typing import Any

from litestar import MediaType, Request, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import SkipValidation

from sluicegate.core.keys import KeyKind
from sluicegate.core.ports import Changes, KeyVerifier
from sluicegate.surfaces.events.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.events.schemas import ErrorBody
from sluicegate.surfaces.events.stream import ChangeStream, Seats, Timing, Watch
from sluicegate.web.auth import Carrier, presented_key, scope_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["router"]


class _Streams:
    """Opens streams for callers with a valid library key."""

    def __init__(self, changes: Changes, keys: KeyVerifier, timing: Timing, watch: Watch | None) -> None:
        self._changes = changes
        self._keys = keys
        self._timing = timing
        self._watch = watch
        self._seats = Seats()

    async def open(self, request: Request[Any, Any, Any]) -> ChangeStream:
        text = presented_key(scope_of(request), Carrier.BEARER)
        check = partial(self._keys.verify, text, KeyKind.LIBRARY)
        key = await check()
        return ChangeStream(
            self._changes, key.user_id, seats=self._seats, check_key=check, timing=self._timing, watch=self._watch
        )


def router(
    changes: Changes,
    keys: KeyVerifier,
    *,
    timing: Timing | None = None,
    watch: Watch | None = None,
) -> Router:
    """``GET /v1/events`` for library keys (``Authorization: Bearer tu_…``).

    Args:
        changes: what happens.
        keys: verifies callers.
        timing: seconds of a stream's life.
        watch: has something called when keys may have been revoked, so that open streams ask again at once.
    """
    streams = _Streams(changes, keys, timing or Timing(), watch)
    return SurfaceRouter(
        path="/v1/events",
        route_handlers=[events],
        dependencies={"streams": Provide(lambda: streams, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        security=[{"library_key": []}],
        tags=["library"],
    )


@get(
    "/",
    summary="Follow the changes of own jobs",
    description="Server-sent events. The first is `following`; from then on every change of a job is told by an event "
    "named after its kind (`job`, `media_job`) with kind, id, status and version. Fetch the object for the rest.",
    media_type=MediaType.TEXT,
    responses={
        401: ResponseSpec(ErrorBody, generate_examples=False, description="Refused."),
        429: ResponseSpec(ErrorBody, generate_examples=False, description="Too many streams."),
    },
)
async def events(request: Request[Any, Any, Any], streams: NamedDependency[SkipValidation[_Streams]]) -> ChangeStream:
    """The caller's change stream."""
    return await streams.open(request)
