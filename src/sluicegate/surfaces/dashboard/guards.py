"""What stands before every page inside: a session, and for forms the token that only our own pages carry."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sluicegate.core.errors import AccessDenied, Unauthenticated
from sluicegate.services.sign_in import SignInService
from sluicegate.surfaces.dashboard.form_body import read_form
from sluicegate.surfaces.dashboard.kept_forms import keep_form
from sluicegate.surfaces.dashboard.sessions import FORM_FIELD, check_same_origin, check_token, token_of

__all__ = ["check_form", "session_guard"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_Request = Request[Any, Any, Any]
_Connection = ASGIConnection[Any, Any, Any, Any]


def session_guard(sign_in: SignInService) -> Callable[[_Connection, BaseRouteHandler], Awaitable[None]]:
    """A Litestar guard: requests go on with their ``Session`` as ``request.auth``, or end with Unauthenticated."""

    async def guard(connection: _Connection, _: BaseRouteHandler) -> None:
        token = token_of(connection)
        session = await sign_in.session(token)
        if session is None:
            if isinstance(connection, Request) and connection.method not in _SAFE:
                await keep_form(connection)
            raise Unauthenticated("You are not signed in.")
        connection.scope["auth"] = session
        connection.scope["state"]["form_token"] = sign_in.form_token(token)

    return guard


async def check_form(request: _Request) -> None:
    """Checks, before a page's form is worked on, that a page of ours has sent it.

    Raises:
        AccessDenied: it comes from elsewhere, or from a page of another session.
    """
    if request.method in _SAFE:
        return
    check_same_origin(request)
    sent = next((text for name, text in (await read_form(request)).fields if name == FORM_FIELD), "")
    try:
        check_token(request, sent)
    except AccessDenied:
        await keep_form(request)
        raise
