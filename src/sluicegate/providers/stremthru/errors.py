"""What the errors of a StremThru store mean.

``{"error": {"code", "message", …}}`` with a real HTTP status. StremThru's ``code`` is a word; Torrin repeats the status
there, so the status decides where there is no word. Torrin has several meanings for 403 and 429 and nothing but its
fixed texts to tell them apart: for these two statuses, and only without a word, the beginning of the text decides.
Torrin's limiter speaks its native shape (``{"error": "<text>"}``) here too.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from sluicegate.core.errors import (
    AccountLocked,
    CredentialsRejected,
    NotSupported,
    SlotsFull,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamUnavailable,
)
from sluicegate.core.names import display_text
from sluicegate.net.answers import Answer
from sluicegate.net.refusals import NO_ROUTE, Starts, beginning, refusal, unknown_kind

__all__ = ["PROVIDER", "failure"]

PROVIDER: Final = "stremthru"

_WORDS: Final[Mapping[str, type[UpstreamError]]] = {
    "UNAUTHORIZED": CredentialsRejected,
    "FORBIDDEN": AccountLocked,
    "PAYMENT_REQUIRED": UpstreamPlanRequired,
    "TOO_MANY_REQUESTS": UpstreamRateLimited,
    "STORE_LIMIT_EXCEEDED": UpstreamQuota,
    "STORE_MAGNET_INVALID": SourceRejected,
    "STORE_NAME_INVALID": CredentialsRejected,
    "STORE_SERVER_DOWN": UpstreamUnavailable,
    "UNAVAILABLE_FOR_LEGAL_REASONS": SourceRejected,
    "UNPROCESSABLE_ENTITY": SourceRejected,
    "UNSUPPORTED_MEDIA_TYPE": SourceRejected,
    "BAD_REQUEST": SourceRejected,
    "NOT_FOUND": TransferMissing,
    "CONFLICT": TransferNotReady,
    "GONE": NotSupported,
    "METHOD_NOT_ALLOWED": NotSupported,
    "NOT_IMPLEMENTED": NotSupported,
    "INTERNAL_SERVER_ERROR": UpstreamServerError,
    "BAD_GATEWAY": UpstreamServerError,
    "SERVICE_UNAVAILABLE": UpstreamServerError,
}

_STATUSES: Final[Mapping[int, type[UpstreamError]]] = {
    400: SourceRejected,
    401: CredentialsRejected,
    402: UpstreamPlanRequired,
    403: AccountLocked,
    404: TransferMissing,
    405: NotSupported,
    409: TransferNotReady,
    410: NotSupported,
    422: SourceRejected,
    429: UpstreamRateLimited,
    451: SourceRejected,
    501: NotSupported,
}
"""409 says that a job still has to seed."""

_TEXTS: Final[Mapping[int, Starts]] = {
    403: {
        "content blocked by safety policy": SourceRejected,
        "subscription paused": UpstreamPlanRequired,
        "subscription expired": UpstreamPlanRequired,
        "this release requires a paid plan": UpstreamPlanRequired,
    },
    429: {
        "slot limit reached": SlotsFull,
        "download queue full": SlotsFull,
        "monthly download limit reached": UpstreamQuota,
        "hourly download limit reached": UpstreamQuota,
    },
}


class _Detail(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _Refusal(msgspec.Struct):
    error: str | _Detail


def failure(answer: Answer) -> UpstreamError:
    """The core error for an answer that is no success. Raises ProtocolError for a page that is nobody's."""
    status = str(answer.status)
    if answer.status == 404 and answer.body.strip() == NO_ROUTE:
        return NotSupported("The store has no such call.", provider=PROVIDER, upstream_code=status)
    told = refusal(answer, _Refusal, provider=PROVIDER)
    error = told.error if told else _Detail()
    detail = _Detail(message=error) if isinstance(error, str) else error
    code = display_text(detail.code, 80) if isinstance(detail.code, str) else ""
    kind = _WORDS.get(code) or _by_status(answer.status, detail.message or "")
    return kind(
        f"The store answers {code or status}.",
        provider=PROVIDER,
        upstream_code=code or status,
        retry_after=answer.retry_after,
    )


def _by_status(status: int, text: str) -> type[UpstreamError]:
    known = _TEXTS.get(status, {})
    start = beginning(text, known)
    return known[start] if start else _STATUSES.get(status) or unknown_kind(status)
