"""The dashboard's router: pages for whoever is signed in, the way in, static files and the change stream."""

from importlib.resources import files
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from litestar.response.base import ASGIResponse

from sluicegate.core.errors import NotFound, Unauthenticated
from sluicegate.surfaces.dashboard.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.dashboard.guards import check_form, session_guard
from sluicegate.surfaces.dashboard.pages import (
    accounts,
    admin,
    feeds,
    gateway,
    library,
    media,
    passkeys,
    preferences,
    register,
    security,
    sign_in,
    storage,
    usage,
    webhooks,
)
from sluicegate.surfaces.dashboard.rendering import asset_version
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of, token_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["PREFIX", "router"]

PREFIX: Final = "/app"
_BODY_MAX: Final = 12 * 1024 * 1024
_FILES: Final = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "passkeys.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_PAGES: Final = (
    sign_in.INSIDE,
    library.HANDLERS,
    media.HANDLERS,
    accounts.HANDLERS,
    gateway.HANDLERS,
    feeds.HANDLERS,
    storage.HANDLERS,
    webhooks.HANDLERS,
    usage.HANDLERS,
    preferences.HANDLERS,
    security.HANDLERS,
    passkeys.INSIDE,
    admin.HANDLERS,
)
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]


def router(services: DashboardServices) -> Router:
    """Everything below ``/app``."""
    inside = SurfaceRouter(
        path="/",
        route_handlers=[changes, *(handler for page in _PAGES for handler in page)],
        guards=[session_guard(services.sign_in)],
        before_request=check_form,
    )
    return SurfaceRouter(
        path=PREFIX,
        route_handlers=[static, *sign_in.OUTSIDE, *register.OUTSIDE, *passkeys.OUTSIDE, inside],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_BODY_MAX,
        include_in_schema=False,
    )


@get("/static/{version:str}/{name:str}", sync_to_thread=True)
def static(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A file of our own; its address changes with its content."""
    if name not in _FILES or version != asset_version(name):
        raise NotFound("There is no such file.")
    content = (files("sluicegate.surfaces.dashboard") / "static" / name).read_bytes()
    return Response(content, media_type=_FILES[name], headers={"cache-control": _FOR_EVER})


@get("/changes", media_type=MediaType.TEXT)
async def changes(request: _Request, services: _Services) -> ASGIResponse:
    """What happens to the user's things, as server-sent events."""
    token = token_of(request)

    async def still_signed_in() -> None:
        if await services.sign_in.session(token) is None:
            raise Unauthenticated("You are not signed in.")

    return services.changes(session_of(request).user_id, still_signed_in)
