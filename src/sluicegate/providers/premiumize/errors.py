"""What Premiumize's errors mean. They arrive with HTTP status 200.

This is the one provider whose message texts are read, because it gives nothing else: answers of the older generation
have no ``code`` at all; ``account_limit_reached`` covers both points and job slots, ``permission_denied`` both an
account without premium time and everything else; and that a job is there already is told in words only. The texts are
those that public clients match on; a known code outranks them otherwise.
"""

from collections.abc import Mapping
from typing import Final

from sluicegate.core.errors import (
    AccountLocked,
    CredentialsRejected,
    HosterDown,
    HosterUnsupported,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamUnavailable,
)
from sluicegate.core.names import display_text

__all__ = ["PROVIDER", "failure", "is_duplicate"]

PROVIDER: Final = "premiumize"

_CLASSES: Final[Mapping[str, type[UpstreamError]]] = {
    "account_limit_reached": UpstreamQuota,
    "authentication_failed": CredentialsRejected,
    "invalid_request": SourceRejected,
    "link_generation_failed": UpstreamUnavailable,
    "permanent_error": SourceRejected,
    "permission_denied": AccountLocked,
    "rate_limit_reached": UpstreamRateLimited,
    "semi_permanent_error": UpstreamUnavailable,
    "service_down": HosterDown,
    "service_limit_reached": UpstreamQuota,
    "service_unsupported": HosterUnsupported,
    "transient_error": UpstreamUnavailable,
    "unknown_error": UpstreamServerError,
}
_NOT_FOUND: Final = "not_found"
_VAGUE: Final = frozenset({"account_limit_reached", "permission_denied"})
"""Codes that a message makes more precise."""

_MESSAGES: Final[tuple[tuple[str, type[UpstreamError]], ...]] = (
    ("not logged in", CredentialsRejected),
    ("account not premium", UpstreamPlanRequired),
    ("active downloads in progress", SlotsFull),
    ("fair use limit reached", UpstreamQuota),
    ("fair-use points", UpstreamQuota),
    ("booster points", UpstreamQuota),
    ("active-job count", UpstreamQuota),
    ("usage limit for this service", UpstreamQuota),
    ("too many api requests", UpstreamRateLimited),
    ("slow_down", UpstreamRateLimited),
    ("rate limit exceeded", UpstreamRateLimited),
    ("target service is unreachable", HosterDown),
    ("retry after a delay", HosterDown),
)
_DUPLICATE: Final = "you already added this job"

_STATUSES: Final[Mapping[int, type[UpstreamError]]] = {401: CredentialsRejected, 429: UpstreamRateLimited}
_RATE_WAIT: Final = 120.0
"""Seconds to stay away when a rate limit tells no wait, as public clients do."""


def is_duplicate(message: str) -> bool:
    """True for the refusal of a job that the account has already; no id comes with it."""
    return _DUPLICATE in message.lower()


def failure(
    code: str,
    message: str,
    *,
    status: int,
    page: bool,
    retry_after: float | None,
    missing: type[UpstreamError],
) -> UpstreamError:
    """The error for an answer.

    Args:
        code: ``code`` of the body, empty in the older generation and for answers of the servers in front.
        message: ``message`` of the body; decides, but is not passed on.
        status: HTTP status.
        page: the body is a web page, thus not the API's: 403 and 404 then mean nothing.
        retry_after: seconds of ``Retry-After``.
        missing: what ``not_found`` means for this call.
    """
    kind = missing if code == _NOT_FOUND else _CLASSES.get(code)
    if kind is None or code in _VAGUE:
        kind = _by_message(message) or kind or _by_status(status, page=page, missing=missing)
    told = display_text(code, 60) or str(status)
    if kind is UpstreamRateLimited and retry_after is None:
        retry_after = _RATE_WAIT
    sentence = (kind.__doc__ or "").splitlines()[0]
    return kind(
        f"{sentence} Premiumize answered {told}.", provider=PROVIDER, upstream_code=told, retry_after=retry_after
    )


def _by_message(message: str) -> type[UpstreamError] | None:
    lowered = message.lower()
    return next((kind for words, kind in _MESSAGES if words in lowered), None)


def _by_status(status: int, *, page: bool, missing: type[UpstreamError]) -> type[UpstreamError]:
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= 500:
        return UpstreamServerError
    if page:
        return ProtocolError
    if status == 403:
        return CredentialsRejected
    return missing if status == 404 else UpstreamError
