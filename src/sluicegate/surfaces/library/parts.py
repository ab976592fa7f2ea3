"""What all routes of the library API have in common: the router around them, their documented refusals, their ids."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter

from sluicegate.core.errors import NotFound
from sluicegate.surfaces.library.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.library.schemas import ErrorBody
from sluicegate.web.auth import caller_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["Id", "library_router", "own_id", "refusals"]

Id = Annotated[str, PathParameter(description="The id.", schema_extra={"format": "uuid"})]


def library_router(
    path: str,
    handlers: Sequence[HTTPRouteHandler],
    services: object,
    *,
    body_max: int | None = None,
    tag: str = "library",
    **dependencies: object,
) -> Router:
    """Routes for library keys and tokens (``Authorization: Bearer …``); whoever mounts them puts the guard in front.

    Args:
        path: below which they are.
        handlers: the routes.
        services: what they get as ``services``.
        body_max: bytes of the largest body.
        tag: chapter of the API description.
        dependencies: further things that the routes get, by name.
    """
    given = {"services": services, **dependencies}
    provided: dict[str, Any] = {name: Provide(_always(thing), sync_to_thread=False) for name, thing in given.items()}
    limits: dict[str, Any] = {"request_max_body_size": body_max} if body_max is not None else {}
    return SurfaceRouter(
        path=path,
        route_handlers=handlers,
        dependencies=provided | {"caller": Provide(caller_of, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        security=[{"library_key": []}],
        tags=[tag],
        **limits,
    )


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """The documented errors of an operation; 401 is one of every operation."""
    return {
        status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in (401, *statuses)
    }


def own_id(text: str, words: str = "") -> UUID:
    """An id from the path; one that cannot be ours is as unknown as any other. Raises NotFound."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise NotFound(words)


def _always(thing: object) -> Any:  # noqa: ANN401 - a dependency is whatever the routes expect
    return lambda: thing
