"""Errors of the management API: ``{"error": "…"}`` as everywhere below ``/v1``."""

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.gateway.management_schemas import ErrorBody
from sluicegate.web.statuses import nearest_status

__all__ = ["EXCEPTION_HANDLERS"]

_log: Final = logging.getLogger(__name__)
_STATUSES: Final[Mapping[type[SluicegateError], int]] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.AccessDenied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LimitReached: 409,
    errors.RateLimited: 429,
    errors.CredentialsRejected: 422,
    errors.AccountLocked: 422,
    errors.UpstreamPlanRequired: 422,
    errors.UpstreamError: 502,
    errors.SluicegateError: 500,
}


def _answer(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _respond(error.detail or "The request cannot be answered.", error.status_code, {})
    if not isinstance(error, SluicegateError):
        _log.error("an unexpected error ended a request to %s", request.scope.get("path_template", "?"), exc_info=error)
        error = errors.InternalError()
    status = nearest_status(_STATUSES, error)
    headers = {} if error.retry_after is None else {"retry-after": str(math.ceil(error.retry_after))}
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="sluicegate"'
    return _respond(f"{error.detail} {error.action}".strip(), status, headers)


def _respond(words: str, status: int, headers: dict[str, str]) -> Response[ErrorBody]:
    return Response(ErrorBody(words), status_code=status, headers=headers, media_type="application/json")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SluicegateError: _answer,
    HTTPException: _answer,
    Exception: _answer,
}
