"""Errors of the operators' routes: ``{"error": "…"}``."""

from typing import Any, Final

from litestar import Request, Response
from litestar.types import ExceptionHandlersMap

from sluicegate.core.errors import AccessDenied, SluicegateError, Unauthenticated
from sluicegate.surfaces.ops.schemas import ErrorBody

__all__ = ["EXCEPTION_HANDLERS"]


def _answer(request: Request[Any, Any, Any], error: SluicegateError) -> Response[ErrorBody]:
    del request
    headers = {}
    status = 403 if isinstance(error, AccessDenied) else 500
    if isinstance(error, Unauthenticated):
        status, headers = 401, {"www-authenticate": 'Bearer realm="sluicegate"'}
    body = ErrorBody(f"{error.detail} {error.action}")
    return Response(body, status_code=status, headers=headers, media_type="application/json")


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {SluicegateError: _answer}
