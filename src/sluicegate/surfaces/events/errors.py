"""Errors of the change stream, before it begins: ``{"error": "…"}`` as everywhere below ``/v1``."""

import math
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.types import ExceptionHandlersMap

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.events.schemas import ErrorBody
from sluicegate.web.statuses import nearest_status

__all__ = ["EXCEPTION_HANDLERS"]

_STATUSES: Final[Mapping[type[SluicegateError], int]] = {
    errors.Unauthenticated: 401,
    errors.AccessDenied: 403,
    errors.LimitReached: 429,
    errors.SluicegateError: 500,
}


def _answer(request: Request[Any, Any, Any], error: SluicegateError) -> Response[ErrorBody]:
    del request
    status = nearest_status(_STATUSES, error)
    headers = {} if error.retry_after is None else {"retry-after": str(math.ceil(error.retry_after))}
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="sluicegate"'
    words = ErrorBody(f"{error.detail} {error.action}")
    return Response(words, status_code=status, headers=headers, media_type="application/json")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {SluicegateError: _answer}
