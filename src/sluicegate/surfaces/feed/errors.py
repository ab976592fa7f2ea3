"""Errors of the outbound feed: ``{"error": "…"}`` like the library API's, as readers only look at the status.

Sonarr and Radarr take 401 for wrong credentials and pause after 429 for ``Retry-After`` (library sheet, section 9.2).
"""

import logging
import math
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.web.statuses import PLAIN_STATUSES, nearest_status

__all__ = ["EXCEPTION_HANDLERS", "ErrorBody", "answer_error", "status_of"]

_log: Final = logging.getLogger(__name__)


class ErrorBody(msgspec.Struct):
    """Every answer that is not a success."""

    error: str


def status_of(error: SluicegateError | type[SluicegateError]) -> int:
    """HTTP status of an error or error class."""
    return nearest_status(PLAIN_STATUSES, error)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """Renders any exception; the token in the URL is in no word of it."""
    headers: dict[str, str] = {"cache-control": "no-store"}
    if isinstance(error, SluicegateError):
        if error.retry_after is not None:
            headers["retry-after"] = str(max(0, math.ceil(error.retry_after)))
        words, status = f"{error.detail} {error.action}".strip(), status_of(error)
    elif isinstance(error, HTTPException) and error.status_code < 500:
        words, status = "The parameters or the method of this request do not fit.", error.status_code
    else:
        _log.error(
            "An unexpected error ended a request to %s.", request.scope.get("path_template", "?"), exc_info=error
        )
        return answer_error(request, errors.InternalError())
    return Response(ErrorBody(words), status_code=status, headers=headers, media_type="application/json")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SluicegateError: answer_error,
    HTTPException: answer_error,
    Exception: answer_error,
}
