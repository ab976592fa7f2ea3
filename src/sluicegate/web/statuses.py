"""HTTP statuses of core errors: the nearest class in an error's ancestry decides."""

from collections.abc import Mapping
from typing import Final

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError

__all__ = ["PLAIN_STATUSES", "nearest_status"]

PLAIN_STATUSES: Final[Mapping[type[SluicegateError], int]] = {
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
"""For surfaces whose clients look at little more than the status."""


def nearest_status(
    statuses: Mapping[type[SluicegateError], int], error: SluicegateError | type[SluicegateError]
) -> int:
    """The status of an error or error class in a surface's table, which names at least ``SluicegateError``."""
    kind = error if isinstance(error, type) else type(error)
    return next(statuses[ancestor] for ancestor in kind.__mro__ if ancestor in statuses)
