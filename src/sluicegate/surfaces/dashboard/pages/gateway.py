"""Gateway: proxy keys. Its other pages, of add-ons, access rules and requests, are beside it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.dashboard.forms import Form
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.pages import gateway_addons, gateway_requests, gateway_rules
from sluicegate.surfaces.dashboard.returning import returning
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of
from sluicegate.surfaces.dashboard.shown_once import Made, replaced

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/gateway"
_PAGE: Final = 25
_FRAME: Final = Frame("gateway", {"revoked": "The key is revoked: it is refused from this moment."})


@get("/gateway")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0
) -> Response[str]:
    """Keys, newest first."""
    return await _page(request, services, Form(), offset=offset)


@post("/gateway/keys")
async def create(request: _Request, services: _Services) -> Response[str]:
    """Makes a key; this answer, and no other, holds its secret."""
    form = await Form.of(request)
    label = form.text("label", most=100)
    made = None
    if not form.errors:
        try:
            key, secret = await services.gateway.keys.create(session_of(request).user_id, label)
        except SluicegateError as error:
            form.refused(error)
        else:
            form.values.pop("label", None)
            made = Made(key.label, secret.reveal())
    return await _page(request, services, form, made=made)


@post("/gateway/keys/{key_id:uuid}/rotate")
async def rotate(request: _Request, services: _Services, key_id: FromPath[UUID]) -> Response[str]:
    """Makes another key under the same label; the old one may work on for a while."""
    form = await Form.of(request)

    async def another(overlap: timedelta) -> Made:
        key, secret = await services.gateway.keys.rotate(session_of(request).user_id, key_id, overlap=overlap)
        return Made(key.label, secret.reveal())

    made = await replaced(form, "Hours that the old key works on", another)
    return await _page(request, services, form, made=made, rotating=key_id)


@post("/gateway/keys/{key_id:uuid}/revoke")
async def revoke(request: _Request, services: _Services, key_id: FromPath[UUID]) -> Redirect:
    """Ends a key."""
    await services.gateway.keys.revoke(session_of(request).user_id, key_id)
    return go(_PATH, "revoked")


async def _page(
    request: _Request,
    services: DashboardServices,
    form: Form,
    *,
    offset: int = 0,
    made: Made | None = None,
    rotating: UUID | None = None,
) -> Response[str]:
    keys = await services.gateway.keys.page(session_of(request).user_id)
    return _FRAME.page(
        request,
        "gateway.html",
        form=form,
        keys=keys[offset : offset + _PAGE],
        now=datetime.now(UTC),
        made=made,
        rotating=rotating if form.errors else None,
        offset=offset,
        limit=_PAGE,
        more=len(keys) > offset + _PAGE,
    )


_BACK: Final = (returning(1, "/gateway/keys"), returning(3, "/gateway/keys/{key_id:uuid}/rotate"))
HANDLERS: Final = (
    page,
    create,
    rotate,
    revoke,
    *_BACK,
    *gateway_addons.HANDLERS,
    *gateway_rules.HANDLERS,
    *gateway_requests.HANDLERS,
)
