"""Errors as pages: strangers are shown the way in, everybody else what happened and where to go."""

import logging
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import AccessDenied, SluicegateError, Unauthenticated
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import go, theme_of
from sluicegate.surfaces.dashboard.kept_forms import kept_form, resume_page
from sluicegate.surfaces.dashboard.rendering import render
from sluicegate.surfaces.dashboard.sessions import form_token_of
from sluicegate.web.statuses import nearest_status

__all__ = ["EXCEPTION_HANDLERS", "answer_error"]

_log: Final = logging.getLogger(__name__)
_Request = Request[Any, Any, Any]
_STATUSES: Final[dict[type[SluicegateError], int]] = {
    errors.InvalidInput: 400,
    errors.AccessDenied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LimitReached: 429,
    errors.UpstreamError: 502,
    errors.SluicegateError: 500,
}
_WORDS: Final = {
    404: "There is no such page.",
    405: "There is no such page.",
    413: "What was sent is too large for one form. Nothing was done with it; go back, and send less at a time.",
}
_TITLES: Final = {
    400: "That did not work",
    403: "Not allowed",
    404: "Not found",
    405: "Not found",
    409: "Not possible now",
    413: "Too large",
    429: "Too much at once",
    502: "The provider did not answer as it should",
}


def answer_error(request: _Request, error: Exception) -> Response[str] | Redirect:
    """Renders any exception; strangers are led to the sign-in and back again, with what was typed."""
    if isinstance(error, Unauthenticated):
        return _way_in(request)
    if isinstance(error, AccessDenied) and (kept := kept_form(request)) is not None:
        return resume_page(request, kept, form_token_of(request), status=403)
    if isinstance(error, SluicegateError):
        status = nearest_status(_STATUSES, error)
        return _page(request, status, sentence(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _page(request, error.status_code, _WORDS.get(error.status_code, "This request cannot be answered."))
    _log.error("An unexpected error ended a request to %s.", request.scope.get("path_template", "?"), exc_info=error)
    return _page(request, 500, "Something went wrong here; the server's log says more.")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SluicegateError: answer_error,
    HTTPException: answer_error,
    Exception: answer_error,
}


def _way_in(request: _Request) -> Response[str] | Redirect:
    if request.url.path == "/app/changes":
        return Response("", status_code=204, media_type="text/plain")  # an event source does not come back then
    if (kept := kept_form(request)) is not None:
        context = {"theme": theme_of(request), "flash": None, "form": Form(), "next": kept.back, "kept": kept}
        nothing = {"needs_setup": False, "may_register": False, "party": None}
        return render("sign_in.html", {**context, **nothing}, status=401)
    return go(f"/app/sign-in?next={quote(request.url.path, safe='')}" if request.method == "GET" else "/app/sign-in")


def _page(request: _Request, status: int, words: str) -> Response[str]:
    context = {
        "title": _TITLES.get(status, "Something went wrong"),
        "words": words,
        "back": "/app",
        "back_words": "Back to the library",
        "theme": theme_of(request),
        "flash": None,
    }
    return render("message.html", context, status=status)
