"""What Real-Debrid's error codes mean.

``error_code`` decides: the same code has been seen with different statuses (35 as 403, 451 and 503). Where it is
missing the slug in ``error`` stands in, then the status. An error body may come twice in a row; the first one counts.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from sluicegate.core.errors import (
    AccountLocked,
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
from sluicegate.net.answers import Answer
from sluicegate.net.refusals import unknown_kind

__all__ = ["OWN_LINK", "PROVIDER", "SELECTION", "WITHOUT_ARGUMENTS", "Meanings", "failure"]

PROVIDER: Final = "realdebrid"

Meanings = Mapping[int, type[UpstreamError]]

_CODES: Final[Meanings] = {
    -1: UpstreamServerError,
    1: ProtocolError,
    2: SourceRejected,
    3: NotSupported,
    4: NotSupported,
    5: UpstreamRateLimited,
    6: UpstreamUnavailable,
    7: TransferMissing,
    8: CredentialsRejected,
    9: UpstreamPlanRequired,
    10: CredentialsRejected,
    11: CredentialsRejected,
    12: CredentialsRejected,
    13: CredentialsRejected,
    14: AccountLocked,
    15: AccountLocked,
    16: HosterUnsupported,
    17: HosterDown,
    18: UpstreamQuota,
    19: HosterDown,
    20: UpstreamPlanRequired,
    21: SlotsFull,
    22: AccountLocked,
    23: UpstreamQuota,
    24: FileGone,
    25: UpstreamServerError,
    26: SourceRejected,
    27: SourceRejected,
    28: SourceRejected,
    29: SourceRejected,
    30: SourceRejected,
    33: UpstreamUnavailable,
    34: UpstreamRateLimited,
    35: SourceRejected,
    36: UpstreamQuota,
    37: NotSupported,
}

_SLUGS: Final = {
    "unknown_ressource": 7,
    "bad_token": 8,
    "permission_denied": 9,
    "hoster_unsupported": 16,
    "hoster_maintenance": 17,
    "hoster_unavailable": 19,
    "hoster_not_free": 20,
    "too_many_active_downloads": 21,
    "ip_not_allowed": 22,
    "traffic_exhausted": 23,
    "file_unavailable": 24,
    "service_unavailable": 25,
    "too_many_requests": 34,
    "infringing_file": 35,
    "fair_usage_limit": 36,
    "disabled_endpoint": 37,
}
"""The code of each slug that has been seen, for bodies without one."""

_STATUSES: Final[Meanings] = {
    401: CredentialsRejected,
    403: UpstreamPlanRequired,
    404: TransferMissing,
    429: UpstreamRateLimited,
    451: SourceRejected,
    509: SlotsFull,
}
"""For bodies in the provider's own shape with neither code nor known slug."""

WITHOUT_ARGUMENTS: Final[Meanings] = {2: CredentialsRejected}
"""Where nothing that a caller chose is sent, a "wrong parameter" is the token, changed by its owner."""

OWN_LINK: Final[Meanings] = {7: FileGone, 16: FileGone, 19: FileGone, 24: FileGone}
"""For links into the provider's own storage: "hoster unavailable" is for ever there; only adding it anew helps."""

SELECTION: Final[Meanings] = {2: TransferMissing}
"""A selection has one argument, so this is the answer to a file id that is unknown."""

_SLOW_DOWN: Final = 5
_SLOW_DOWN_SECONDS: Final = 120.0
"""What clients wait after ``slow_down``, which tells no time itself."""


class _Refusal(msgspec.Struct):
    error: str | None
    error_code: int | None = None


def failure(answer: Answer, meanings: Meanings | None = None) -> UpstreamError:
    """The core error for an answer that is no success.

    Args:
        answer: with any status.
        meanings: codes that mean something else in this call.
    """
    try:
        refusal = answer.first_json(_Refusal, provider=PROVIDER)
    except ProtocolError as unreadable:
        return _without_body(answer, unreadable)
    code = refusal.error_code if refusal.error_code is not None else _SLUGS.get(refusal.error or "")
    if code is None:
        return _of_status(_STATUSES.get(answer.status) or unknown_kind(answer.status), answer)
    kind = (meanings or {}).get(code) or _CODES.get(code) or unknown_kind(answer.status)
    wait = _SLOW_DOWN_SECONDS if code == _SLOW_DOWN and answer.retry_after is None else answer.retry_after
    return _made(kind, f"error {code}", str(code), wait)


def _without_body(answer: Answer, unreadable: ProtocolError) -> UpstreamError:
    """A proxy's page or nothing: with 429 or a 5xx the status speaks for itself, else nobody knows for whom."""
    if answer.status == 429:
        return _of_status(UpstreamRateLimited, answer)
    return _of_status(UpstreamServerError, answer) if answer.status >= 500 else unreadable


def _of_status(kind: type[UpstreamError], answer: Answer) -> UpstreamError:
    return _made(kind, f"HTTP status {answer.status}", str(answer.status), answer.retry_after)


def _made(kind: type[UpstreamError], told: str, code: str, wait: float | None) -> UpstreamError:
    return kind(f"Real-Debrid answers {told}.", provider=PROVIDER, upstream_code=code, retry_after=wait)
