"""Errors of the add-on: ``{"error": "…"}``, or a page for who asks for one.

A key that is missing, wrong or revoked gets 401 and no detail. What is not there is an empty answer, never an error.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.stremio.pages import PAGE_HEADERS, refusal_page
from sluicegate.surfaces.stremio.schemas import ErrorBody

__all__ = ["EXCEPTION_HANDLERS", "answer_error", "status_of"]

_log: Final = logging.getLogger(__name__)

_STATUSES: Final[Mapping[type[SluicegateError], int]] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.PlanRequired: 402,
    errors.AccessDenied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LimitReached: 429,
    errors.UpstreamError: 502,
    errors.StorageError: 502,
    errors.MediaError: 422,
    errors.DeadlineExceeded: 502,
    errors.SluicegateError: 500,
}


def status_of(error: SluicegateError | type[SluicegateError]) -> int:
    """HTTP status of an error or error class."""
    kind = error if isinstance(error, type) else type(error)
    return next(_STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in _STATUSES)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Renders any exception; the key in the path is in no word of it."""
    headers = {"cache-control": "no-store"}
    if isinstance(error, SluicegateError):
        if error.retry_after is not None:
            headers["retry-after"] = str(max(0, math.ceil(error.retry_after)))
        words, status = f"{error.detail} {error.action}".strip(), status_of(error)
    elif isinstance(error, HTTPException) and error.status_code < 500:
        words, status = "There is no such path, or its parameters do not fit.", error.status_code
    else:
        _log.error(
            "An unexpected error ended a request to %s.", request.scope.get("path_template", "?"), exc_info=error
        )
        return answer_error(request, errors.InternalError())
    if "text/html" in request.headers.get("accept", ""):
        page = refusal_page("/stremio", words)
        return Response(page, status_code=status, headers=headers | PAGE_HEADERS, media_type="text/html")
    return Response(ErrorBody(words), status_code=status, headers=headers, media_type="application/json")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SluicegateError: answer_error,
    HTTPException: answer_error,
    Exception: answer_error,
}
