"""Errors of the add-on: ``{"error": "…"}``, or a page for who asks for one.

A key that is missing, wrong or revoked gets 401 and no detail. What is not there is an empty answer, never an error.
"""

import logging
import math
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.stremio.pages import PAGE_HEADERS, refusal_page
from sluicegate.surfaces.stremio.schemas import ErrorBody
from sluicegate.web.statuses import PLAIN_STATUSES, nearest_status

__all__ = ["EXCEPTION_HANDLERS", "answer_error", "status_of"]

_log: Final = logging.getLogger(__name__)


def status_of(error: SluicegateError | type[SluicegateError]) -> int:
    """HTTP status of an error or error class."""
    return nearest_status(PLAIN_STATUSES, error)


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
