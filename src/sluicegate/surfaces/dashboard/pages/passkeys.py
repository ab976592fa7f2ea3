"""Passkeys: signing in with one, and making, naming and removing one's own. Their list stands on the security page."""

import secrets
from typing import Any, Final
from uuid import UUID

from litestar import MediaType, Request, Response, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import AccessDenied, InvalidInput, RateLimited, SluicegateError
from sluicegate.core.passkeys import RelyingParty
from sluicegate.surfaces.dashboard.entering import STRANGERS_BODY_MAX, enter_with, peer_of
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import go
from sluicegate.surfaces.dashboard.pages import security, sign_in
from sluicegate.surfaces.dashboard.passkey_places import party_of
from sluicegate.surfaces.dashboard.rendering import page_headers
from sluicegate.surfaces.dashboard.returning import returning
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import check_same_origin, session_of

__all__ = ["INSIDE", "OUTSIDE"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/security"
_COOKIE: Final = "sluicegate_visitor"
_VISIT: Final = 300
_ANSWER: Final = "passkey_answer"
_ANSWER_MAX: Final = 16 * 1024


@post("/sign-in/passkey/options", status_code=200, request_max_body_size=STRANGERS_BODY_MAX)
async def ask(request: _Request, services: _Services) -> Response[dict[str, Any]]:
    """What the browser asks its devices, bound to this browser by a cookie of five minutes."""
    check_same_origin(request)
    try:
        services.attempts.check(peer_of(request))
        visitor = secrets.token_urlsafe(32)
        answer = _json({"publicKey": services.passkeys.ask(_party(request, services), visitor)})
    except SluicegateError as error:
        return _json({"problem": sentence(error)}, status=422)
    answer.cookies.append(_visit(request, visitor, _VISIT))
    return answer


@post("/sign-in/passkey", request_max_body_size=STRANGERS_BODY_MAX)
async def enter(request: _Request, services: _Services) -> Response[str]:
    """Starts a session for the owner of the passkey that has answered."""
    check_same_origin(request)
    form, peer = await Form.of(request), peer_of(request)
    answer, visitor = form.secret(_ANSWER, most=_ANSWER_MAX), request.cookies.get(_COOKIE, "")
    try:
        services.attempts.check(peer)
        _, token = await services.passkeys.enter(
            answer,
            _party(request, services),
            visitor,
            agent=request.headers.get("user-agent", ""),
            address=peer,
        )
    except RateLimited:
        form.errors[""] = "Too many wrong attempts came from this address. Try again in a minute."
    except SluicegateError as error:
        services.attempts.failed(peer)
        form.errors[""] = sentence(error)
    else:
        entered = enter_with(request, services, token, form)
        entered.cookies.append(_visit(request, "", 0))
        return entered
    return await sign_in.sign_in_page(request, services, form)


@post("/security/passkeys/options", status_code=200)
async def offer(request: _Request, services: _Services) -> Response[dict[str, Any]]:
    """What the browser asks a device for a new passkey, once the password was typed."""
    form, peer = await Form.of(request), peer_of(request)
    try:
        services.attempts.check(peer)
        options = await services.passkeys.offer(
            session_of(request), form.secret("passkey_password"), _party(request, services)
        )
    except AccessDenied as error:
        services.attempts.failed(peer)
        return _json({"problem": sentence(error), "field": error.field}, status=422)
    except SluicegateError as error:
        return _json({"problem": sentence(error)}, status=422)
    return _json({"publicKey": options})


@post("/security/passkeys")
async def add(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Keeps a new passkey."""
    form = await Form.of(request)
    form.secret("passkey_password")
    answer, label = form.secret(_ANSWER, most=_ANSWER_MAX), form.text("passkey_label", most=60)
    if not answer:
        form.errors[""] = "The browser has sent no passkey. Making one needs JavaScript, and a browser that knows them."
    if not form.errors:
        try:
            await services.passkeys.add(session_of(request), answer, label, _party(request, services))
        except SluicegateError as error:
            form.errors[""] = sentence(error)
        else:
            return go(_PATH, "passkey")
    return await security.security_page(request, services, form)


@post("/security/passkeys/{passkey_id:uuid}/rename")
async def rename(request: _Request, services: _Services, passkey_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Gives one another name."""
    form = await Form.of(request)
    label = form.needed(field := f"label-{passkey_id}", most=60)
    if form.errors:
        form.errors[""] = f"Name of the passkey: {form.errors.pop(field)}"
        return await security.security_page(request, services, form)
    await services.passkeys.rename(session_of(request).user_id, passkey_id, label)
    return go(_PATH, "renamed")


@post("/security/passkeys/{passkey_id:uuid}/remove")
async def remove(request: _Request, services: _Services, passkey_id: FromPath[UUID]) -> Redirect:
    """Forgets one."""
    await services.passkeys.remove(session_of(request).user_id, passkey_id)
    return go(_PATH, "no-passkey")


def _party(request: _Request, services: DashboardServices) -> RelyingParty:
    """Raises InvalidInput."""
    party = party_of(request, services.public_url)
    if party is None:
        raise InvalidInput("Passkeys need https and a host name.", action="Sign in with your password.")
    return party


def _json(content: dict[str, Any], *, status: int = 200) -> Response[dict[str, Any]]:
    return Response(content, status_code=status, headers=page_headers(), media_type=MediaType.JSON)


def _visit(request: _Request, visitor: str, max_age: int) -> Cookie:
    https = request.url.scheme == "https"
    path = "/app/sign-in"
    return Cookie(_COOKIE, path=path, value=visitor, max_age=max_age, secure=https, httponly=True, samesite="strict")


OUTSIDE: Final = (ask, enter)
"""Handlers for people who are not signed in."""
INSIDE: Final = (
    offer,
    add,
    rename,
    remove,
    returning(1, "/security/passkeys"),
    returning(3, "/security/passkeys/{passkey_id:uuid}/rename"),
)
"""Handlers for people who are."""
