"""Errors as pages: strangers are shown the way in, everybody else what happened and where to go."""

import logging
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError, Unauthenticated
from sluicegate.surfaces.dashboard.forms import sentence
from sluicegate.surfaces.dashboard.frame import go, theme_of
from sluicegate.surfaces.dashboard.rendering import render
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
    """Renders any exception; somebody who is not signed in is led to the sign-in and back again."""
    if isinstance(error, Unauthenticated):
        if request.url.path == "/app/changes":
            return Response("", status_code=204, media_type="text/plain")  # an event source does not come back then
        return go(
            f"/app/sign-in?next={quote(request.url.path, safe='')}" if request.method == "GET" else "/app/sign-in"
        )
    if isinstance(error, SluicegateError):
        status = nearest_status(_STATUSES, error)
        return _page(request, status, sentence(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        words = "There is no such page." if error.status_code in {404, 405} else "This request cannot be answered."
        return _page(request, error.status_code, words)
    _log.error("An unexpected error ended a request to %s.", request.scope.get("path_template", "?"), exc_info=error)
    return _page(request, 500, "Something went wrong here; the server's log says more.")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SluicegateError: answer_error,
    HTTPException: answer_error,
    Exception: answer_error,
}


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
