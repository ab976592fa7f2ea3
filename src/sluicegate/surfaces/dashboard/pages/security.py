"""Security: the password, the second factor, passkeys, and where one is signed in."""

from typing import Any, Final
from uuid import UUID

import segno
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.dashboard.forms import Form
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.passkey_places import party_of
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS", "security_page"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/security"
_FRAME: Final = Frame(
    "security",
    {
        "password": "The password is changed; every other session has ended.",
        "factor": "The second factor is on; every other session has ended.",
        "no-factor": "The second factor is off.",
        "passkey": "The passkey is kept: next time you can sign in with it alone.",
        "renamed": "The passkey has another name.",
        "no-passkey": "The passkey is removed; it signs nobody in any more. Remove it from your device, too.",
        "ended": "The session has ended.",
    },
)


@get("/security")
async def show(request: _Request, services: _Services) -> Response[str]:
    """The page."""
    return await security_page(request, services, Form())


@post("/security/password")
async def change_password(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Sets another password."""
    form = await Form.of(request)
    old, new = form.secret("old"), form.secret("password")
    try:
        await services.sign_in.change_password(session_of(request), old, new)
    except SluicegateError as error:
        form.errors[error.field or ""] = error.detail
        return await security_page(request, services, form)
    return go(_PATH, "password")


@post("/security/factor")
async def add_factor(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Switches the second factor on."""
    form = await Form.of(request)
    secret, code = form.text("secret", most=64), form.needed("code", most=20)
    if not form.errors:
        try:
            await services.sign_in.confirm_totp(session_of(request), secret, code)
        except SluicegateError as error:
            form.refused(error)
        else:
            return go(_PATH, "factor")
    return await security_page(request, services, form, secret=secret)


@post("/security/factor/remove")
async def remove_factor(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Switches it off."""
    form = await Form.of(request)
    try:
        await services.sign_in.remove_totp(session_of(request), form.secret("factor_password"))
    except SluicegateError as error:
        form.errors["factor_password"] = error.detail
        return await security_page(request, services, form)
    return go(_PATH, "no-factor")


@post("/security/sessions/end-others")
async def end_others(request: _Request, services: _Services) -> Redirect:
    """Ends every other session."""
    await services.sign_in.end_others(session_of(request))
    return go(_PATH, "ended")


@post("/security/sessions/{session_id:uuid}/end")
async def end_one(request: _Request, services: _Services, session_id: FromPath[UUID]) -> Redirect:
    """Ends one."""
    await services.sign_in.end(session_of(request).user_id, session_id)
    return go(_PATH, "ended")


async def security_page(
    request: _Request, services: DashboardServices, form: Form, *, secret: str = ""
) -> Response[str]:
    """The page, with what was typed before."""
    session = session_of(request)
    user = await services.users.get(session.user_id)
    offer = services.sign_in.offer_totp(user.name, secret)
    return _FRAME.page(
        request,
        "security.html",
        form=form,
        has_totp=await services.sign_in.has_totp(session.user_id),
        totp_secret=offer.secret.reveal(),
        qr=segno.make(offer.address.reveal()).svg_data_uri(scale=4),
        passkeys=await services.passkeys.of_user(session.user_id),
        party=party_of(request, services.public_url),
        sessions=await services.sign_in.sessions(session.user_id),
        address=(await services.registration.addresses([session.user_id])).get(session.user_id),
    )


HANDLERS: Final = (show, change_password, add_factor, remove_factor, end_others, end_one)
