"""What TorBox's error codes mean.

An answer is judged by ``error`` and, where there is none, by its status; ``detail`` is prose and never looked at. Every
answer, successes included, carries ``retry-after``: it means something with status 429 only.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    CredentialsRejected,
    FileGone,
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

__all__ = ["PERHAPS_THERE", "PROVIDER", "failure"]

PROVIDER: Final = "torbox"

PERHAPS_THERE: Final = frozenset({"DIFF_ISSUE", "DUPLICATE_ITEM"})
"""Answers to a create that say, among other things, that the account has this item already."""

_CODES: Final[dict[str, type[UpstreamError]]] = {
    "NO_AUTH": CredentialsRejected,
    "BAD_TOKEN": CredentialsRejected,
    "VENDOR_DISABLED": AccountLocked,
    "PLAN_RESTRICTED_FEATURE": UpstreamPlanRequired,
    "MONTHLY_LIMIT": UpstreamQuota,
    "COOLDOWN_LIMIT": CoolingDown,
    "ACTIVE_LIMIT": SlotsFull,
    "DIFF_ISSUE": SlotsFull,
    "DUPLICATE_ITEM": SlotsFull,
    "RATE_LIMIT": UpstreamRateLimited,
    "RATE_LIMIT_EXCEEDED": UpstreamRateLimited,
    "ITEM_NOT_FOUND": TransferMissing,
    "NOT_OWNER": TransferMissing,
    "ENDPOINT_NOT_FOUND": NotSupported,
    "TEMPORARILY_DISABLED": UpstreamUnavailable,
    "REQUEST_FAILED": UpstreamServerError,
    "NOT_ALLOWED": SourceRejected,
    "DOWNLOAD_TOO_LARGE": SourceRejected,
    "TOO_MUCH_DATA": SourceRejected,
    "BOZO_TORRENT": SourceRejected,
    "BOZO_NZB": SourceRejected,
    "BOZO_FILE": SourceRejected,
    "INVALID_HASH": SourceRejected,
    "INVALID_INPUT": SourceRejected,
    "INVALID_LINK": SourceRejected,
    "UNSUPPORTED_SITE": HosterUnsupported,
    "LINK_OFFLINE": FileGone,
}

_STATUSES: Final[dict[int, type[UpstreamError]]] = {401: CredentialsRejected, 403: CredentialsRejected}
"""For answers in the provider's own shape that name no code."""


class _Refusal(msgspec.Struct):
    """The members of an error answer; a gateway's 422 has only ``detail``."""

    detail: Any
    error: Any = None
    data: Any = None


def failure(answer: Answer) -> UpstreamError:
    """The core error for an answer that is no success. Raises ProtocolError for a page that is nobody's."""
    if answer.status == 429:
        return _made(UpstreamRateLimited, "429", retry_after=answer.retry_after)
    said = refusal(answer, _Refusal, provider=PROVIDER)
    if said is None:
        return _made(UpstreamServerError, str(answer.status))
    if isinstance(said.error, str) and said.error:
        code = display_text(said.error, 80)
        return _made(_meaning(code, answer.status), code, retry_after=_cooldown(code, said.data))
    return _made(_meaning("", answer.status), str(answer.status))


def _meaning(code: str, status: int) -> type[UpstreamError]:
    if code == "AUTH_ERROR" and status == 403:
        return CredentialsRejected  # with status 500 the key could not be verified, which says nothing about it
    if code:
        # Codes that end in ERROR mean a fault on TorBox's side (API documentation, "Errors").
        ours = UpstreamServerError if code.endswith("ERROR") or status >= 500 else ProtocolError
        return _CODES.get(code, ours)
    return _STATUSES.get(status) or unknown_kind(status)


def _made(kind: type[UpstreamError], code: str, *, retry_after: float | None = None) -> UpstreamError:
    return kind(f"TorBox answers {code}.", provider=PROVIDER, upstream_code=code, retry_after=retry_after)


class _Cooldown(msgspec.Struct):
    cooldown_until: datetime
    current_time: datetime


def _cooldown(code: str, data: object) -> float | None:
    """Seconds until a cool-down ends, by the provider's own clock."""
    if code != "COOLDOWN_LIMIT":
        return None
    try:
        told = msgspec.convert(data, _Cooldown)
        return max(0.0, (told.cooldown_until - told.current_time).total_seconds())
    except (msgspec.ValidationError, TypeError):
        return None
