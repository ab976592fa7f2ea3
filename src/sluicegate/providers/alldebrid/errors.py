"""What AllDebrid's error codes mean. The texts beside them change and are never read.

Nearly every error comes with HTTP status 200, for the whole call or for one item of a batch. A status decides only
where the body names no code: in front of the API stands a server that answers 429, 503 and pages of its own.
"""

from collections.abc import Mapping
from typing import Final

from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    CredentialsRejected,
    FileGone,
    HosterDown,
    HosterUnsupported,
    LinkExpired,
    NotSupported,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    TransferFailed,
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

__all__ = ["PROVIDER", "failure"]

PROVIDER: Final = "alldebrid"

_CLASSES: Final[Mapping[str, type[UpstreamError]]] = {
    "404": NotSupported,
    "ACCOUNT_INVALID": CredentialsRejected,
    "AUTH_BAD_APIKEY": CredentialsRejected,
    "AUTH_BLOCKED": AccountLocked,
    "AUTH_MISSING_APIKEY": CredentialsRejected,
    "AUTH_USER_BANNED": AccountLocked,
    "BAD_LINK": SourceRejected,
    "DELAYED_INVALID_ID": LinkExpired,
    "DISCONTINUED": NotSupported,
    "DOWNLOAD_FAILED": UpstreamServerError,
    "FREE_TRIAL_LIMIT_REACHED": UpstreamQuota,
    "GENERIC": UpstreamServerError,
    "LINK_DOWN": FileGone,
    "LINK_ERROR": UpstreamServerError,
    "LINK_HOST_FULL": UpstreamUnavailable,
    "LINK_HOST_LIMIT_REACHED": UpstreamQuota,
    "LINK_HOST_NOT_SUPPORTED": HosterUnsupported,
    "LINK_HOST_UNAVAILABLE": HosterDown,
    "LINK_IS_MISSING": SourceRejected,
    "LINK_NOT_SUPPORTED": HosterUnsupported,
    "LINK_PASS_PROTECTED": SourceRejected,
    "LINK_TEMPORARY_UNAVAILABLE": UpstreamUnavailable,
    "LINK_TOO_MANY_DOWNLOADS": SlotsFull,
    "MAGNET_CANT_BOOTSTRAP": TransferFailed,
    "MAGNET_FILE_UPLOAD_FAILED": UpstreamServerError,
    "MAGNET_INTERNAL_ERROR": UpstreamServerError,
    "MAGNET_INVALID_FILE": SourceRejected,
    "MAGNET_INVALID_ID": TransferMissing,
    "MAGNET_INVALID_URI": SourceRejected,
    "MAGNET_LINKS_REMOVED": FileGone,
    "MAGNET_MAGNET_TOO_BIG": SourceRejected,
    "MAGNET_MUST_BE_PREMIUM": UpstreamPlanRequired,
    "MAGNET_NO_SERVER": AccountLocked,
    "MAGNET_NO_URI": SourceRejected,
    "MAGNET_PROCESSING": TransferNotReady,
    "MAGNET_PROCESSING_COOLDOWN": CoolingDown,
    "MAGNET_PROCESSING_FAILED": SourceRejected,
    "MAGNET_TOOK_TOO_LONG": TransferFailed,
    "MAGNET_TOO_LARGE": SourceRejected,
    "MAGNET_TOO_MANY": UpstreamQuota,
    "MAGNET_TOO_MANY_ACTIVE": SlotsFull,
    "MAGNET_UPLOAD_FAILED": TransferFailed,
    "MAINTENANCE": UpstreamUnavailable,
    "MUST_BE_PREMIUM": UpstreamPlanRequired,
    "NO_SERVER": AccountLocked,
    "REDIRECTOR_ERROR": UpstreamServerError,
    "REDIRECTOR_NOT_SUPPORTED": HosterUnsupported,
}

_STATUSES: Final[Mapping[int, type[UpstreamError]]] = {
    401: CredentialsRejected,
    429: UpstreamRateLimited,
    503: UpstreamRateLimited,  # documented as the limiter's other status; it may come as a page
}

_OTHER_ADDRESS: Final = (
    "AllDebrid refuses servers, VPNs and proxies: "
    "give this account an egress proxy with a home address, or ask AllDebrid to allow this one."
)
_ACTIONS: Final[Mapping[str, str]] = {
    "AUTH_BLOCKED": "Confirm this new place with the link in AllDebrid's mail; the key itself is fine.",
    "FREE_TRIAL_LIMIT_REACHED": "Buy premium time at AllDebrid, or use another account.",
    "LINK_PASS_PROTECTED": "Use a link that needs no password.",
    "MAGNET_NO_SERVER": _OTHER_ADDRESS,
    "MAGNET_TOO_MANY": "Delete old magnets at AllDebrid: it keeps 1000, failed and expired ones included.",
    "NO_SERVER": _OTHER_ADDRESS,
}


def failure(code: str, *, status: int = 200, retry_after: float | None = None) -> UpstreamError:
    """The error for a code or, where there is none, for a status.

    Args:
        code: ``error.code`` of the call or of an item; empty when the body names none.
        status: HTTP status.
        retry_after: seconds of ``Retry-After``, which AllDebrid does not document but may send.
    """
    kind = _CLASSES.get(code) or _STATUSES.get(status) or _other(code, status)
    told = display_text(code, 60) or str(status)
    sentence = (kind.__doc__ or "").splitlines()[0]
    return kind(
        f"{sentence} AllDebrid answered {told}.",
        provider=PROVIDER,
        upstream_code=told,
        action=_ACTIONS.get(code),
        retry_after=retry_after,
    )


def _other(code: str, status: int) -> type[UpstreamError]:
    """An unknown code says at least that it is AllDebrid who answers; a page with a 4xx status may be anybody's."""
    if status >= 500:
        return UpstreamServerError
    return UpstreamError if code else ProtocolError
