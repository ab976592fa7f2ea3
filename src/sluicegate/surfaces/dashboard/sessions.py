"""Who is at the other end of a page: the session cookie, and the token that every form carries."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote, urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from sluicegate.core.errors import AccessDenied, Unauthenticated
from sluicegate.core.sign_in import Session
from sluicegate.services.sign_in import SignInService

__all__ = [
    "admin_only",
    "check_form",
    "check_same_origin",
    "cookie",
    "form_token_of",
    "safe_next",
    "session_guard",
    "session_of",
    "token_of",
]

FORM_FIELD: Final = "form_token"
_NAME: Final = "sluicegate_session"
_HEADER: Final = "x-form-token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS: Final = frozenset({"same-origin", "none"})
_FOREIGN: Final = "This form was sent from another site, or is out of date. Load the page again, then send it."
_Connection = ASGIConnection[Any, Any, Any, Any]
_Request = Request[Any, Any, Any]


def session_guard(sign_in: SignInService) -> Callable[[_Connection, BaseRouteHandler], Awaitable[None]]:
    """A Litestar guard: requests go on with their ``Session`` as ``request.auth``, or end with Unauthenticated."""

    async def guard(connection: _Connection, _: BaseRouteHandler) -> None:
        token = connection.cookies.get(_NAME, "")
        session = await sign_in.session(token)
        if session is None:
            raise Unauthenticated("You are not signed in.")
        connection.scope["auth"] = session
        connection.scope["state"]["form_token"] = sign_in.form_token(token)

    return guard


async def check_form(request: _Request) -> None:
    """Checks, before a page's form is worked on, that a page of ours has sent it.

    Raises:
        AccessDenied: it comes from elsewhere.
    """
    if request.method in _SAFE:
        return
    check_same_origin(request)
    told = request.headers.get(_HEADER) or str((await request.form()).get(FORM_FIELD) or "")
    if not hmac.compare_digest(told.encode(), form_token_of(request).encode()):
        raise AccessDenied(_FOREIGN)


def check_same_origin(request: _Request) -> None:
    """Refuses what a browser says comes from another site. Raises AccessDenied."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in _OURS:
        raise AccessDenied(_FOREIGN)
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise AccessDenied(_FOREIGN)


def admin_only(connection: _Connection, _: BaseRouteHandler) -> None:
    """A guard for the operator's pages, after ``SessionGuard``. Raises AccessDenied."""
    if not session_of(connection).admin:
        raise AccessDenied("This page is for whoever runs this installation.")


def session_of(connection: _Connection) -> Session:
    """The session that the guard has found."""
    session = connection.scope.get("auth")
    if not isinstance(session, Session):
        raise Unauthenticated("You are not signed in.")
    return session


def form_token_of(connection: _Connection) -> str:
    """What the forms of this session carry."""
    return str(connection.scope["state"]["form_token"])


def token_of(connection: _Connection) -> str:
    """The session's own token."""
    return str(connection.cookies.get(_NAME, ""))


def cookie(token: str, *, https: bool, max_age: int) -> Cookie:
    """The session cookie: not for scripts, not for other sites; ``max_age`` 0 takes it away."""
    return Cookie(key=_NAME, value=token, path="/app", httponly=True, samesite="lax", secure=https, max_age=max_age)


def safe_next(text: str | None) -> str:
    """Where to go after signing in: a page of ours, never another site."""
    if not text or not text.startswith("/app") or "\\" in text or len(text) > 500:
        return "/app"
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or not (parts.path == "/app" or parts.path.startswith("/app/")):
        return "/app"
    query = parts.query if parts.query.isascii() and parts.query.isprintable() else ""
    return quote(parts.path) + (f"?{query}" if query else "")
