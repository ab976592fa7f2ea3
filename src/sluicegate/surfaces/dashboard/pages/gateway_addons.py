"""Add-ons: a developer's own applications and their secrets; operators decide on them elsewhere."""

from datetime import timedelta
from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from sluicegate.core.addons import AddonState
from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame
from sluicegate.surfaces.dashboard.returning import returning
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of
from sluicegate.surfaces.dashboard.shown_once import Made, replaced

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PAGE: Final = 25
_FIELDS: Final = frozenset({"slug", "name", "contact", "proof"})
_FRAME: Final = Frame("gateway", {})
TONES: Final = {AddonState.APPROVED: "good", AddonState.REJECTED: "bad", AddonState.REVOKED: "bad"}


@get("/gateway/addons")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0
) -> Response[str]:
    """Where one's own applications are."""
    return await _page(request, services, Form(), offset=offset)


@post("/gateway/addons")
async def apply(request: _Request, services: _Services) -> Response[str]:
    """Registers an add-on; this answer, and no other, holds its secret."""
    form = await Form.of(request)
    slug = form.needed("slug", most=64)
    name, contact, proof = (form.text(one, most=500) for one in ("name", "contact", "proof"))
    made = None
    if not form.errors:
        try:
            addon, secret = await services.gateway.addons.apply(
                slug, name=name, contact=contact, proof=proof, user_id=session_of(request).user_id
            )
        except SluicegateError as error:
            form.errors[error.field if error.field in _FIELDS else "slug"] = sentence(error)
        else:
            form.values.clear()
            made = Made(addon.slug, secret.reveal())
    return await _page(request, services, form, made=made)


@post("/gateway/addons/{slug:str}/rotate")
async def rotate(request: _Request, services: _Services, slug: FromPath[str]) -> Response[str]:
    """Makes another developer secret; older ones may work on for a while."""
    form = await Form.of(request)
    user_id = session_of(request).user_id
    addon = await services.gateway.addons.get(slug, user_id=user_id)

    async def another(overlap: timedelta) -> Made:
        secret = await services.gateway.addons.rotate(slug, overlap=overlap, user_id=user_id)
        return Made(addon.slug, secret.reveal())

    made = await replaced(form, "Hours that the old secret works on", another)
    return await _page(request, services, form, made=made, rotating=slug)


async def _page(
    request: _Request,
    services: DashboardServices,
    form: Form,
    *,
    offset: int = 0,
    made: Made | None = None,
    rotating: str = "",
) -> Response[str]:
    addons = await services.gateway.addons.page(user_id=session_of(request).user_id, limit=_PAGE + 1, offset=offset)
    return _FRAME.page(
        request,
        "gateway_addons.html",
        form=form,
        addons=addons[:_PAGE],
        tones=TONES,
        made=made,
        rotating=rotating if form.errors else "",
        offset=offset,
        limit=_PAGE,
        more=len(addons) > _PAGE,
    )


_BACK: Final = returning(2, "/gateway/addons/{slug:str}/rotate")
HANDLERS: Final = (page, apply, rotate, _BACK)
