"""Errors of the byte server: JSON ``{"error": "…"}``, with a status that players act upon rightly."""

import json
import math
from collections.abc import Mapping
from typing import Final

from sluicegate.core import errors
from sluicegate.core.errors import SluicegateError
from sluicegate.web.asgi import Scope, Send
from sluicegate.web.statuses import nearest_status

__all__ = ["send_error", "status_of"]

_STATUSES: Final[Mapping[type[SluicegateError], int]] = {
    errors.InvalidInput: 400,
    errors.ContentBlocked: 403,
    errors.AccessDenied: 403,
    errors.NotFound: 404,
    errors.ObjectMissing: 404,
    errors.Conflict: 409,
    errors.TransferNotReady: 409,
    errors.FileGone: 410,
    errors.LimitReached: 429,
    errors.UpstreamLimit: 503,
    errors.UpstreamTimeout: 504,
    errors.UpstreamError: 502,
    errors.StorageUnavailable: 503,
    errors.DeadlineExceeded: 504,
    errors.SluicegateError: 500,
}
"""The nearest class in an error's ancestry decides.

A link that is not valid gets 403, as object stores answer: 401 would make browsers ask for a password nobody has.
"""


def status_of(error: SluicegateError) -> int:
    """HTTP status of an error."""
    return nearest_status(_STATUSES, error)


async def send_error(error: SluicegateError, scope: Scope, send: Send, *, status: int | None = None) -> None:
    """Answers with an error; nothing may have been sent before."""
    body = json.dumps({"error": f"{error.detail} {error.action}".strip()}, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(0, math.ceil(error.retry_after))))
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": status or status_of(error), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
