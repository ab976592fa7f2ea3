"""What SmokeDebrid's error codes mean: ``{"error": {"code", "message"}}``, each with a status of its own."""

from typing import Final

import msgspec

from sluicegate.core.errors import (
    CredentialsRejected,
    HosterDown,
    HosterUnsupported,
    LinkExpired,
    NotSupported,
    SlotsFull,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
)
from sluicegate.core.names import display_text
from sluicegate.net.answers import Answer
from sluicegate.net.refusals import refusal, unknown_kind

__all__ = ["PROVIDER", "failure"]

PROVIDER: Final = "smokedebrid"

_CODES: Final[dict[str, type[UpstreamError]]] = {
    "unauthorized": CredentialsRejected,
    "quota_exceeded": UpstreamQuota,
    "slots_full": SlotsFull,
    "rate_limited": UpstreamRateLimited,
    "not_found": TransferMissing,
    "not_ready": TransferNotReady,
    "link_expired": LinkExpired,
    "endpoint_gone": NotSupported,
    "unknown_path": NotSupported,
    "wrong_method": NotSupported,
    "invalid_source": SourceRejected,
    "blocked_content": SourceRejected,
    "host_down": HosterDown,
    "unsupported_link": HosterUnsupported,
    "server_error": UpstreamServerError,
}


class _Error(msgspec.Struct):
    code: str


class _Refusal(msgspec.Struct):
    error: _Error


def failure(answer: Answer) -> UpstreamError:
    """The core error for an answer that is no success. Raises ProtocolError for a page that is nobody's."""
    told = refusal(answer, _Refusal, provider=PROVIDER)
    code = (display_text(told.error.code, 80) if told else "") or str(answer.status)
    kind = _CODES.get(code) or unknown_kind(answer.status)
    return kind(f"SmokeDebrid answers {code}.", provider=PROVIDER, upstream_code=code, retry_after=answer.retry_after)
