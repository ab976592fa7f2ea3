"""Errors of the media jobs API: ``{"error": "…"}`` with the contract's own sentences where it has some."""

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.core.media_usage import GIB
from sluicegate.services.media_usage import StorageQuotaExceeded
from sluicegate.surfaces.media_jobs.schemas import ErrorBody
from sluicegate.web.statuses import nearest_status

__all__ = ["EXCEPTION_HANDLERS", "answer_error", "status_of"]

_log: Final = logging.getLogger(__name__)

_STATUSES: Final[Mapping[type[SluicegateError], int]] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.QuotaExceeded: 403,
    errors.AccessDenied: 403,
    errors.NotFound: 404,
    # The contract's texts for a wrong state are 400s (sheet, sections 6.2 and 6.3).
    errors.Conflict: 400,
    errors.LimitReached: 429,
    errors.UpstreamError: 400,
    errors.MediaError: 400,
    errors.DeadlineExceeded: 504,
    errors.SluicegateError: 500,
}
"""The nearest class in an error's ancestry decides."""

_FRAMEWORK_WORDS: Final = {
    404: "There is no such path. Check the address against the API description.",
    405: "This path does not take this method. The 'Allow' header lists the ones it takes.",
    413: "The request body is too large.",
}
_KEPT_HEADERS: Final = frozenset({"allow", "retry-after"})


def status_of(error: SluicegateError | type[SluicegateError]) -> int:
    """HTTP status of an error or error class."""
    return nearest_status(_STATUSES, error)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Renders any exception."""
    if isinstance(error, StorageQuotaExceeded):
        return Response(_quota(error), status_code=403, media_type="application/json")
    if isinstance(error, SluicegateError):
        headers = {}
        if error.retry_after is not None:
            headers["retry-after"] = str(max(0, math.ceil(error.retry_after)))
        words = error.detail
        if isinstance(error, errors.Unauthenticated):
            # Both sentences are fixed by the contract (section 1.1).
            words = "Invalid API Key" if request.headers.get("x-api-key") else "Missing x-api-key header"
        elif type(error) is errors.NotFound:
            words = "Batch not found" if request.scope["path"].startswith("/batch/") else "Job not found"
        return _answer(words, status_of(error), headers)
    if isinstance(error, HTTPException) and error.status_code < 500:
        headers = {name: value for name, value in (error.headers or {}).items() if name.lower() in _KEPT_HEADERS}
        return _answer(_words(error), error.status_code, headers)
    _log.error("An unexpected error ended a request to %s.", request.scope.get("path_template", "?"), exc_info=error)
    return _answer("Something went wrong here; look for it in the server's log.", 500, {})


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SluicegateError: answer_error,
    HTTPException: answer_error,
    Exception: answer_error,
}


def _quota(error: StorageQuotaExceeded) -> dict[str, str]:
    """The contract's only error with more than one field (section 10.2)."""
    limit, used = f"{error.limit / GIB:.2f}", f"{error.used / GIB:.2f}"
    return {"error": error.detail, "limit_gb": limit, "used_gb": used, "message": error.message}


def _answer(words: str, status: int, headers: Mapping[str, str]) -> Response[ErrorBody]:
    return Response(ErrorBody(words), status_code=status, headers=dict(headers), media_type="application/json")


def _words(error: HTTPException) -> str:
    """The framework's exception as a sentence; a failed validation names the parameters."""
    extra = error.extra if isinstance(error.extra, list) else []
    faults = [
        f"{item.get('key', 'request')}: {item.get('message', 'not valid')}" for item in extra if isinstance(item, dict)
    ]
    return "; ".join(faults) or _FRAMEWORK_WORDS.get(error.status_code) or error.detail or "The request is not valid."
