"""What Torrin's errors mean.

Native errors are ``{"error": "<text>"}``, those of the store surface ``{"error": {"code": <status>, "message"}}``; the
limiter speaks the native shape everywhere. There are no codes beside the HTTP status: where one status has several
meanings (400, 403, 429, 502), Torrin's fixed texts are the only thing that tells them apart, so here, unlike at other
providers, the beginning of the text decides. A text that nobody has seen falls back to its status.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from sluicegate.core.errors import (
    AccountLocked,
    CredentialsRejected,
    HosterDown,
    NotSupported,
    SlotsFull,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from sluicegate.core.names import display_text
from sluicegate.net.answers import Answer
from sluicegate.net.refusals import NO_ROUTE, Starts, beginning, refusal, unknown_kind

__all__ = ["PROVIDER", "failure"]

PROVIDER: Final = "torrin"

_TEXTS: Final[Mapping[int, Starts]] = {
    400: {
        "magnet required": SourceRejected,
        "cannot extract infohash": SourceRejected,
        "invalid magnet": SourceRejected,
        "link required": SourceRejected,
        "url required": SourceRejected,
        "invalid url": SourceRejected,
        "invalid nzb file": SourceRejected,
        "nzb too large": SourceRejected,
        "job not complete": TransferNotReady,
    },
    403: {
        "content blocked by safety policy": SourceRejected,
        "subscription paused": UpstreamPlanRequired,
        "subscription expired": UpstreamPlanRequired,
        "free trial expired": UpstreamPlanRequired,
        "hoster links require a paid plan": UpstreamPlanRequired,
        "this release requires a paid plan": UpstreamPlanRequired,
        "usenet needs your own provider": UpstreamPlanRequired,
        "your plan does not include usenet": UpstreamPlanRequired,
    },
    429: {
        "slot limit reached": SlotsFull,
        "download queue full": SlotsFull,
        "monthly download limit reached": UpstreamQuota,
        "hourly download limit reached": UpstreamQuota,
    },
    502: {"could not reach alldebrid": HosterDown, "could not fetch nzb": UpstreamUnavailable},
}

_STATUSES: Final[Mapping[int, type[UpstreamError]]] = {
    401: CredentialsRejected,
    403: AccountLocked,
    404: TransferMissing,
    409: TransferNotReady,
    413: SourceRejected,
    422: SourceRejected,
    429: UpstreamRateLimited,
}
"""For texts that mean nothing special. 409 says that a job still runs or still has to seed."""

_ACTIONS: Final[Mapping[str, str]] = {
    "subscription paused": "Resume the subscription at torrin.app.",
    "content blocked by safety policy": "Do not hand this in again: Torrin bans accounts for it.",
}


class _StoreError(msgspec.Struct):
    message: str


class _Refusal(msgspec.Struct):
    error: str | _StoreError


def failure(answer: Answer) -> UpstreamError:
    """The core error for an answer that is no success. Raises ProtocolError for a page that is nobody's."""
    status = str(answer.status)
    if answer.status == 404 and answer.body.strip() == NO_ROUTE:
        return NotSupported("Torrin has no such call.", provider=PROVIDER, upstream_code=status)
    told = refusal(answer, _Refusal, provider=PROVIDER)
    error = told.error if told else ""
    text = (error if isinstance(error, str) else error.message).strip()
    known = _TEXTS.get(answer.status, {})
    start = beginning(text, known)
    kind = known[start] if start else _STATUSES.get(answer.status) or unknown_kind(answer.status)
    return kind(
        f"Torrin answers {status}: {display_text(text, 200)}" if text else f"Torrin answers {status}.",
        provider=PROVIDER,
        upstream_code=status,
        retry_after=answer.retry_after if kind is UpstreamRateLimited else None,
        action=_ACTIONS.get(start),
    )
