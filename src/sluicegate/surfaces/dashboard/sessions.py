"""Who is at the other end of a page: the session cookie, and the token that every form carries."""

import hmac
from typing import Any, Final
from urllib.parse import quote, urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from sluicegate.core.errors import AccessDenied, Unauthenticated
from sluicegate.core.sign_in import Session

__all__ = [
    "FORM_FIELD",
    "admin_only",
    "check_same_origin",
    "check_token",
    "comes_from_us",
    "cookie",
    "form_token_of",
    "safe_next",
    "session_of",
    "token_of",
]

FORM_FIELD: Final = "form_token"
_NAME: Final = "sluicegate_session"
_HEADER: Final = "x-form-token"
_OURS: Final = frozenset({"same-origin", "none"})
_FOREIGN: Final = "This form was sent from another site, or is out of date. Load the page again, then send it."
_Connection = ASGIConnection[Any, Any, Any, Any]
_Request = Request[Any, Any, Any]


def check_same_origin(request: _Request) -> None:
    """Refuses what a browser says comes from another site. Raises AccessDenied."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in _OURS:
        raise AccessDenied(_FOREIGN)
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise AccessDenied(_FOREIGN)


def check_token(request: _Request, sent: str) -> None:
    """Refuses a form that does not carry the token of this session. Raises AccessDenied."""
    told = request.headers.get(_HEADER) or sent
    if not hmac.compare_digest(told.encode(), form_token_of(request).encode()):
        raise AccessDenied(_FOREIGN)


def comes_from_us(request: _Request) -> bool:
    """Whether the browser itself says that a page of ours has sent this."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


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
