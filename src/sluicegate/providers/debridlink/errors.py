"""What Debrid-Link's error codes mean.

Errors carry ``error`` beside ``success: false``, at any HTTP status. The description is prose and never looked at.
"""

from typing import Final

import msgspec

from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    CredentialsRejected,
    FileGone,
    HosterDown,
    HosterUnsupported,
    NotSupported,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    TransferMissing,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamUnavailable,
)
from sluicegate.core.names import display_text
from sluicegate.net.answers import Answer
from sluicegate.net.refusals import refusal, unknown_kind

__all__ = ["FLOOD_SECONDS", "PROVIDER", "failure"]

PROVIDER: Final = "debridlink"

FLOOD_SECONDS: Final = 3600.0
"""How long ``floodDetected`` locks an endpoint (API documentation); the answer itself need not tell."""

_CODES: Final[dict[str, type[UpstreamError]]] = {
    "badToken": CredentialsRejected,
    "badSign": CredentialsRejected,
    "hidedToken": CredentialsRejected,
    "expired_token": CredentialsRejected,
    "access_denied": CredentialsRejected,
    "maxAttempts": AccountLocked,
    "captchaRequired": AccountLocked,
    "accountLocked": AccountLocked,
    "unverifiedEmail": AccountLocked,
    "serverNotAllowed": AccountLocked,
    "disabledServerHost": AccountLocked,
    "freeServerOverload": UpstreamPlanRequired,
    "notFreeHost": UpstreamPlanRequired,
    "unknowR": NotSupported,
    "endpointDisabled": NotSupported,
    "internalError": UpstreamServerError,
    "server_error": UpstreamServerError,
    "notDebrid": UpstreamServerError,
    "badArguments": ProtocolError,
    "badId": TransferMissing,
    "floodDetected": CoolingDown,
    "maxTransfer": SlotsFull,
    "maxSimultaneousFilesHost": SlotsFull,
    "maxTorrent": UpstreamQuota,
    "maxLink": UpstreamQuota,
    "maxLinkHost": UpstreamQuota,
    "maxData": UpstreamQuota,
    "maxDataHost": UpstreamQuota,
    "transcodeLimitReached": UpstreamQuota,
    "hostNotValid": HosterUnsupported,
    "maintenanceHost": HosterDown,
    "noServerHost": HosterDown,
    "disabledHost": HosterDown,
    "fileNotFound": FileGone,
    "fileNotAvailable": UpstreamUnavailable,
    "badFileUrl": SourceRejected,
    "badFilePassword": SourceRejected,
    "infringingFile": SourceRejected,
    "notAddTorrent": SourceRejected,
    "badTorrentFile": SourceRejected,
    "torrentTooBig": SourceRejected,
}

_STATUSES: Final[dict[int, type[UpstreamError]]] = {401: CredentialsRejected, 429: UpstreamRateLimited}
"""For codes that nobody has seen yet."""

_ADDRESS_CODES: Final = frozenset({"serverNotAllowed", "disabledServerHost"})
_ADDRESS_ACTION: Final = (
    "Debrid-Link refuses addresses of data centres: give this account an egress proxy, or ask Debrid-Link to allow "
    "this server's address."
)


class _Refusal(msgspec.Struct):
    error: str


def failure(answer: Answer) -> UpstreamError:
    """The core error for an answer that is no success. Raises ProtocolError for a page that is nobody's."""
    said = refusal(answer, _Refusal, provider=PROVIDER)
    code = (display_text(said.error, 80) if said else "") or str(answer.status)
    fallback = _STATUSES.get(answer.status) or unknown_kind(answer.status)
    told = answer.retry_after
    return _CODES.get(code, fallback)(
        f"Debrid-Link answers {code}.",
        provider=PROVIDER,
        upstream_code=code,
        retry_after=FLOOD_SECONDS if code == "floodDetected" and told is None else told,
        action=_ADDRESS_ACTION if code in _ADDRESS_CODES else None,
    )
