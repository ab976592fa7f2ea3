"""Errors of the library API: every answer below ``/v1`` that is no success is ``{"error": "…"}``.

The sentence says what happened and what to do next. Statuses follow the contract (its sheet, section 3); 403, 413, 415
and 429 are not in its list and are used for what only they can say.
"""

import logging
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.core.jobs import Job
from sluicegate.surfaces.library.schemas import ErrorBody
from sluicegate.web.statuses import nearest_status

__all__ = ["EXCEPTION_HANDLERS", "answer_error", "failure_of", "status_of"]

_log: Final = logging.getLogger(__name__)

_STATUSES: Final[Mapping[type[SluicegateError], int]] = {
    errors.InvalidInput: 400,
    errors.UnsafeSource: 422,
    errors.ContentBlocked: 422,
    errors.ConditionUnmet: 422,
    errors.ForbiddenAddress: 422,
    errors.Unauthenticated: 401,
    errors.PlanRequired: 402,
    errors.QuotaExceeded: 402,
    errors.AccessDenied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LimitReached: 429,
    errors.SourceRejected: 422,
    errors.HosterUnsupported: 422,
    errors.NotSupported: 422,
    errors.TransferNotReady: 409,
    errors.UpstreamError: 502,
    errors.StorageError: 502,
    errors.MediaError: 422,
    errors.DeadlineExceeded: 502,
    errors.SluicegateError: 500,
}
"""The nearest class in an error's ancestry decides."""

_FRAMEWORK_WORDS: Final = {
    401: "A key is missing or not valid. Send it as 'Authorization: Bearer tu_…'.",
    404: "There is no such path. Check the address against the API description.",
    405: "This path does not take this method. The 'Allow' header lists the ones it takes.",
    413: "The request body is too large.",
}
_KEPT_HEADERS: Final = frozenset({"allow", "retry-after", "www-authenticate"})


def status_of(error: SluicegateError | type[SluicegateError]) -> int:
    """HTTP status of an error or error class."""
    return nearest_status(_STATUSES, error)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """Renders any exception.

    An application that serves this surface calls it also for paths below ``/v1`` that no route takes: the framework
    decides about those before a router's own handlers are asked.
    """
    if isinstance(error, SluicegateError):
        return _answer(f"{error.detail} {error.action}".strip(), status_of(error), _headers(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        headers = {name: value for name, value in (error.headers or {}).items() if name.lower() in _KEPT_HEADERS}
        return _answer(_words(error), error.status_code, headers)
    _log.error("An unexpected error ended a request to %s.", request.scope.get("path_template", "?"), exc_info=error)
    return answer_error(request, errors.InternalError())


def failure_of(job: Job) -> SluicegateError:
    """The error that a job has already ended with, to be answered instead of the job (sheet, section 5.3)."""
    return _by_code().get(job.error_code or "", errors.SourceRejected)(job.error, action="")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SluicegateError: answer_error,
    HTTPException: answer_error,
    Exception: answer_error,
}


@cache
def _by_code() -> dict[str, type[SluicegateError]]:
    kinds = [SluicegateError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {kind.code: kind for kind in kinds}


def _answer(words: str, status: int, headers: Mapping[str, str]) -> Response[ErrorBody]:
    return Response(ErrorBody(words), status_code=status, headers=dict(headers), media_type="application/json")


def _headers(error: SluicegateError) -> dict[str, str]:
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(0, math.ceil(error.retry_after)))
    if isinstance(error, errors.Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="sluicegate"'
    return headers


def _words(error: HTTPException) -> str:
    """The framework's exception as a sentence; a failed validation names the parameters."""
    extra = error.extra if isinstance(error.extra, list) else []
    faults = [
        f"{item.get('key', 'request')}: {item.get('message', 'not valid')}" for item in extra if isinstance(item, dict)
    ]
    if faults:
        return "; ".join(faults)
    return _FRAMEWORK_WORDS.get(error.status_code) or error.detail or "The request cannot be answered."
