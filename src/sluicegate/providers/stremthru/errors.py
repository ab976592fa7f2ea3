"""What the errors of a StremThru store mean.

``{"error": {"code", "message", "type", …}}``, with a real HTTP status more often than not. Three voices speak in it:

* StremThru's ``code`` is a word, but one word for many things: ``STORE_LIMIT_EXCEEDED`` is a used-up month and a full
  slot, ``FORBIDDEN`` a ban and a wrong password of a file, ``UNKNOWN`` everything else.
* ``__upstream_cause__`` is what the provider behind it said. Its own word decides wherever it is known here.
* Torrin repeats the status as ``code`` and has nothing but its fixed texts to tell several meanings of 403 and 429
  apart; a StremThru in front of it hands the texts on. Torrin's limiter speaks its native shape
  (``{"error": "<text>"}``) here too.

An error of ``type`` ``upstream_error`` with ``__cause__`` and without ``__upstream_cause__`` says that the provider
gave no answer that can be read, whatever the status (400 for a broken connection to TorBox): it is nobody's refusal.

Source: the answers of StremThru 0.103.2 in front of our sandbox.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    CredentialsRejected,
    FileGone,
    NotSupported,
    ProtocolError,
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

__all__ = ["PERHAPS_THERE", "PROVIDER", "failure"]

PROVIDER: Final = "stremthru"

_DOUBLE: Final = "You already added this job."
PERHAPS_THERE: Final = frozenset({"DIFF_ISSUE", "DUPLICATE_ITEM", _DOUBLE})
"""What TorBox and Premiumize say to a magnet that the account may have already; StremThru hands it on."""

_PROVIDERS_WORDS: Final[Mapping[str, type[UpstreamError]]] = {
    # Real-Debrid
    "disabled_endpoint": NotSupported,
    "file_unavailable": FileGone,
    "permission_denied": UpstreamPlanRequired,
    "too_many_active_downloads": SlotsFull,
    # AllDebrid
    "DISCONTINUED": NotSupported,
    "GENERIC": UpstreamServerError,
    "LINK_PASS_PROTECTED": SourceRejected,
    "LINK_TOO_MANY_DOWNLOADS": SlotsFull,
    "MAGNET_INVALID_ID": TransferMissing,
    "MAGNET_TOO_MANY_ACTIVE": SlotsFull,
    # TorBox
    "ACTIVE_LIMIT": SlotsFull,
    "BOZO_FILE": SourceRejected,
    "COOLDOWN_LIMIT": CoolingDown,
    "DIFF_ISSUE": SlotsFull,
    "DUPLICATE_ITEM": SlotsFull,
    "ENDPOINT_NOT_FOUND": NotSupported,
    "INVALID_HASH": SourceRejected,
    "INVALID_INPUT": SourceRejected,
    "NOT_ALLOWED": SourceRejected,
    "NOT_OWNER": TransferMissing,
    "TEMPORARILY_DISABLED": UpstreamUnavailable,
    "VENDOR_DISABLED": AccountLocked,
    # Debrid-Link
    "badArguments": ProtocolError,
    "badFilePassword": SourceRejected,
    "badId": TransferMissing,
    "badTorrentFile": SourceRejected,
    "endpointDisabled": NotSupported,
    "floodDetected": CoolingDown,
    "freeServerOverload": UpstreamPlanRequired,
    "infringingFile": SourceRejected,
    "maxAttempts": AccountLocked,
    "maxSimultaneousFilesHost": SlotsFull,
    "maxTransfer": SlotsFull,
    "notDebrid": UpstreamServerError,
    "unknowR": NotSupported,
    # Premiumize, which has texts only
    "You already have a maximum of 25 active downloads in progress!": SlotsFull,
    _DOUBLE: UpstreamError,
}
"""Words of providers for which StremThru has none, or one that means something else too."""

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
_VAGUE: Final = "UNKNOWN"
"""StremThru's word for a provider's word that it does not know; the status beside it can be any."""

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
    400: {"missing store": CredentialsRejected, "invalid id": TransferMissing},
    403: {
        "content blocked by safety policy": SourceRejected,
        "subscription paused": UpstreamPlanRequired,
        "subscription expired": UpstreamPlanRequired,
        "this release requires a paid plan": UpstreamPlanRequired,
        "invalid api key": CredentialsRejected,
        # StremThru's own: it answers availability to accounts that pay only.
        "forbidden": UpstreamPlanRequired,
    },
    418: {"link generation delayed": TransferNotReady},
    429: {
        "slot limit reached": SlotsFull,
        "download queue full": SlotsFull,
        "monthly download limit reached": UpstreamQuota,
        "hourly download limit reached": UpstreamQuota,
    },
}
_PLACES: Final = {"": None, "BAD_REQUEST": 400, "FORBIDDEN": 403, "TOO_MANY_REQUESTS": 429}
"""Where texts are looked up: at the status of StremThru's word, at the answer's own (None) where there is no word."""


class _Detail(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    type: Any = None
    cause: Any = msgspec.field(default=None, name="__cause__")
    said: Any = msgspec.field(default=None, name="__upstream_cause__")


class _Refusal(msgspec.Struct):
    error: str | _Detail


def failure(answer: Answer) -> UpstreamError:
    """The core error for an answer that is no success. Raises ProtocolError for a page that is nobody's."""
    status = str(answer.status)
    if answer.status == 404 and answer.body.strip() == NO_ROUTE:
        return NotSupported("The store has no such call.", provider=PROVIDER, upstream_code=status)
    told = refusal(answer, _Refusal, provider=PROVIDER)
    error = told.error if told else _Detail()
    detail = _Detail(message=error) if isinstance(error, str) else _innermost(error)
    code = display_text(detail.code, 80) if isinstance(detail.code, str) else ""
    word = _providers_word(detail)
    kind = _PROVIDERS_WORDS.get(word)
    name = word if kind else code or status
    return (kind or _kind(detail, code, answer.status))(
        f"The store answers {name}.", provider=PROVIDER, upstream_code=name, retry_after=answer.retry_after
    )


def _innermost(detail: _Detail) -> _Detail:
    """The error inside an error: where StremThru asks a provider for several things at once, the message is JSON."""
    text = (detail.message or "").partition("\n")[0]
    try:
        return msgspec.json.decode(text, type=_Detail) if text.startswith("{") else detail
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return detail


def _providers_word(detail: _Detail) -> str:
    """``error`` at Real-Debrid, TorBox and Debrid-Link, ``code`` at AllDebrid, ``message`` at Premiumize."""
    if not isinstance(detail.said, dict):
        return ""
    told = (detail.said.get(name) for name in ("error", "code", "message"))
    return next((display_text(text, 80) for text in told if isinstance(text, str) and text), "")


def _kind(detail: _Detail, code: str, status: int) -> type[UpstreamError]:
    known = _TEXTS.get(_PLACES[code] or status, {}) if code in _PLACES else {}
    if start := beginning(detail.message or "", known):
        return known[start]
    if _unanswered(detail) and code != "TOO_MANY_REQUESTS":
        return UpstreamServerError if status >= 500 else UpstreamUnavailable
    if code == _VAGUE:
        return unknown_kind(status)
    return _WORDS.get(code) or _STATUSES.get(status) or unknown_kind(status)


def _unanswered(detail: _Detail) -> bool:
    """Whether StremThru only tells that it had no answer it could read."""
    return detail.type == "upstream_error" and detail.cause is not None and detail.said is None
