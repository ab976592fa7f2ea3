"""Routers that an application is put together from in a fraction of the time that Litestar's own ones take."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cache
from typing import Any, Final, Self

from litestar import MediaType, Request, Response, Router, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler

__all__ = ["SurfaceRouter"]

_OPTIONS: Final = HttpMethod.OPTIONS


class SurfaceRouter(Router):
    """A router that is made for one application and mounted once.

    Litestar copies a router with everything in it wherever it mounts one, as it might be mounted elsewhere too, and
    works out anew for every path how OPTIONS is answered there. The two were two thirds of a server's start. This
    router is mounted as it is, and what answers OPTIONS is worked out once.
    """

    def __init__(self, path: str, *, route_handlers: Sequence[ControllerRouterHandler], **more: Any) -> None:  # noqa: ANN401 - Litestar's own
        super().__init__(path, route_handlers=list(_with_options(route_handlers)), **more)

    def __deepcopy__(self, memo: Mapping[int, object]) -> Self:
        """Itself; Litestar asks for a copy, see above."""
        return self


def _with_options(handlers: Sequence[ControllerRouterHandler]) -> Iterator[ControllerRouterHandler]:
    """``handlers``, and before the first one of each path what answers OPTIONS there."""
    plain = [handler for handler in handlers if isinstance(handler, HTTPRouteHandler)]
    answered = {path for handler in plain if _OPTIONS in handler.http_methods for path in handler.paths}
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths - answered:
                answered.add(path)
                options = copy(_options())
                options.paths = {path}
                yield options
        yield handler


@cache
def _options() -> HTTPRouteHandler:
    made = route(http_method=[_OPTIONS], include_in_schema=False, sync_to_thread=False)(_tell_methods)
    _ = made.signature_model  # worked out here, as copies have what their original has
    return made


def _tell_methods(request: Request[Any, Any, Any]) -> Response[None]:
    """The methods that a path takes (RFC 9110, 9.3.7)."""
    path = request.scope["path_template"]
    methods = {str(method) for each in request.app.routes if each.path_format == path for method in each.methods}
    return Response(None, status_code=204, headers={"Allow": ", ".join(sorted(methods))}, media_type=MediaType.TEXT)
