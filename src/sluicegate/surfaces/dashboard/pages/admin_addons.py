"""Add-ons for the operator: looking at applications and deciding about them."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.addons import AddonState, looks_like_slug
from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.services import DashboardServices

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/admin/addons"
_PAGE: Final = 50
_TONES: Final = {AddonState.APPROVED: "good", AddonState.REJECTED: "bad", AddonState.REVOKED: "bad"}
_FRAME: Final = Frame("admin", {"decided": "The decision holds from this moment."})
_NEEDS_REASON: Final = frozenset({AddonState.REJECTED, AddonState.REVOKED})
_DECISIONS: Final = [
    (AddonState.APPROVED, "Approve"),
    (AddonState.UNDER_REVIEW, "Take under review"),
    (AddonState.REJECTED, "Reject"),
    (AddonState.REVOKED, "Revoke"),
]


@get("/addons")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=10_000_000)] = 0
) -> Response[str]:
    """All add-ons by identifier."""
    addons = await services.gateway.addons.page(limit=_PAGE + 1, offset=offset)
    return _FRAME.page(
        request,
        "admin_addons.html",
        addons=addons[:_PAGE],
        tones=_TONES,
        offset=offset,
        limit=_PAGE,
        more=len(addons) > _PAGE,
    )


@get("/addons/{slug:str}")
async def show(request: _Request, services: _Services, slug: FromPath[str]) -> Response[str]:
    """One application."""
    return await _one(request, services, slug, Form())


@post("/addons/{slug:str}/decide")
async def decide(request: _Request, services: _Services, slug: FromPath[str]) -> Response[str] | Redirect:
    """Decides; a rejection or revocation says why."""
    form = await Form.of(request)
    word, reason = form.needed("state", most=40), form.text("reason", most=500)
    state = next((state for state, _ in _DECISIONS if state == word), None)
    if word and state is None:
        form.errors["state"] = "Choose one of the decisions."
    if state in _NEEDS_REASON and not reason:
        form.errors.setdefault("reason", "Please say why.")
    if state is not None and not form.errors:
        try:
            await services.gateway.addons.decide(_slug(slug), state, reason)
        except NotFound:
            raise
        except SluicegateError as error:
            form.errors["state"] = sentence(error)
        else:
            return go(f"{_PATH}/{slug}", "decided")
    return await _one(request, services, slug, form)


async def _one(request: _Request, services: DashboardServices, slug: str, form: Form) -> Response[str]:
    addon = await services.gateway.addons.get(_slug(slug))
    applicant = await services.users.get(addon.user_id) if addon.user_id else None
    return _FRAME.page(
        request,
        "admin_addon.html",
        form=form,
        addon=addon,
        applicant=applicant.name if applicant else "",
        tones=_TONES,
        decisions=_DECISIONS,
    )


def _slug(text: str) -> str:
    if not looks_like_slug(text):
        raise NotFound("There is no such add-on.")
    return text


HANDLERS: Final = (page, show, decide)
