"""Problems (RFC 7807) of the gateway: titles and statuses of the codes, and the code of every core error."""

from collections.abc import Mapping
from typing import Final

import msgspec

from sluicegate.core import errors
from sluicegate.core.errors import Retry, SluicegateError
from sluicegate.core.gateway import GatewayRefused, ProblemCode

__all__ = ["RETRY_SECONDS", "Problem", "problem_of"]

_TYPE: Final = "https://relaygate.invalid/docs/errors#"
RETRY_SECONDS: Final = 60
"""What the contract answers to whoever is too fast."""

_NO_SUCH_JOB: Final = "There is no job with this id."

_USUAL: Final[Mapping[ProblemCode, tuple[int, str]]] = {
    ProblemCode.INVALID_PROVIDER: (400, "Invalid provider"),
    ProblemCode.VALIDATION_ERROR: (400, "Validation error"),
    ProblemCode.MISSING_ADDON_ID: (401, "Add-on id missing"),
    ProblemCode.MISSING_DEVELOPER_SECRET: (401, "Developer secret missing"),
    ProblemCode.MISSING_END_USER_CREDENTIAL: (401, "End-user credential missing"),
    ProblemCode.CONFLICTING_CREDENTIALS: (400, "Conflicting credentials"),
    ProblemCode.INVALID_DEVELOPER: (401, "Invalid developer"),
    ProblemCode.INVALID_PROXY_KEY: (401, "Invalid proxy key"),
    ProblemCode.VAULT_MISSING: (404, "Vault credential missing"),
    ProblemCode.ADDON_ACCESS_DENIED: (403, "Add-on denied"),
    ProblemCode.ADDON_NOT_ALLOWLISTED: (403, "Add-on not allowed"),
    ProblemCode.EDGE_IP_REQUIRED: (403, "Caller address required"),
    ProblemCode.IP_ACCESS_DENIED: (403, "Address denied"),
    ProblemCode.IP_NOT_ALLOWLISTED: (403, "Address not allowed"),
    ProblemCode.TLS_REQUIRED: (403, "TLS required"),
    ProblemCode.RATE_LIMITED: (429, "Rate limited"),
    ProblemCode.UPSTREAM_UNREACHABLE: (502, "Provider unreachable"),
    ProblemCode.UPSTREAM_NON_JSON: (502, "Provider answer unreadable"),
    ProblemCode.UPSTREAM_ERROR: (502, "Provider error"),
    ProblemCode.RESOURCE_NOT_FOUND: (404, "Not found"),
    ProblemCode.FEATURE_UNSUPPORTED: (501, "Feature unsupported"),
    ProblemCode.PROVIDER_ADAPTER_MISSING: (501, "Provider adapter missing"),
    ProblemCode.INTERNAL_ERROR: (500, "Internal error"),
}

_MEANING: Final[Mapping[type[SluicegateError], tuple[ProblemCode, int | None]]] = {
    errors.InvalidInput: (ProblemCode.VALIDATION_ERROR, None),
    errors.NotFound: (ProblemCode.RESOURCE_NOT_FOUND, None),
    errors.Conflict: (ProblemCode.VALIDATION_ERROR, 409),
    errors.Unauthenticated: (ProblemCode.INVALID_PROXY_KEY, None),
    errors.LimitReached: (ProblemCode.RATE_LIMITED, None),
    errors.CredentialsRejected: (ProblemCode.UPSTREAM_ERROR, 401),
    errors.AccountLocked: (ProblemCode.UPSTREAM_ERROR, 403),
    errors.UpstreamPlanRequired: (ProblemCode.UPSTREAM_ERROR, 402),
    errors.UpstreamLimit: (ProblemCode.UPSTREAM_ERROR, 429),
    errors.SlotsFull: (ProblemCode.UPSTREAM_ERROR, 409),
    errors.UpstreamTimeout: (ProblemCode.UPSTREAM_UNREACHABLE, 504),
    errors.ConnectionFailed: (ProblemCode.UPSTREAM_UNREACHABLE, None),
    errors.UpstreamServerError: (ProblemCode.UPSTREAM_ERROR, 502),
    errors.UpstreamUnavailable: (ProblemCode.UPSTREAM_UNREACHABLE, None),
    errors.ProtocolError: (ProblemCode.UPSTREAM_NON_JSON, None),
    errors.SourceRejected: (ProblemCode.UPSTREAM_ERROR, 422),
    errors.TransferMissing: (ProblemCode.RESOURCE_NOT_FOUND, None),
    errors.TransferNotReady: (ProblemCode.UPSTREAM_ERROR, 409),
    errors.TransferFailed: (ProblemCode.UPSTREAM_ERROR, 410),
    errors.LinkExpired: (ProblemCode.UPSTREAM_ERROR, 410),
    errors.FileGone: (ProblemCode.RESOURCE_NOT_FOUND, None),
    errors.HosterUnsupported: (ProblemCode.UPSTREAM_ERROR, 422),
    errors.HosterDown: (ProblemCode.UPSTREAM_ERROR, 503),
    errors.NotSupported: (ProblemCode.FEATURE_UNSUPPORTED, None),
    errors.UpstreamError: (ProblemCode.UPSTREAM_ERROR, None),
    errors.DeadlineExceeded: (ProblemCode.UPSTREAM_UNREACHABLE, 504),
    errors.SluicegateError: (ProblemCode.INTERNAL_ERROR, None),
}
"""The nearest class in an error's ancestry decides; the second value replaces a code's usual status."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem on the wire.

    Attributes:
        instance: the request's id.
        code: what clients branch on.
        retry_after: seconds; only for ``rg.rate_limited``.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: ProblemCode
    retry_after: int | None = None


def _next_step(error: SluicegateError) -> str:
    """Core errors say that jobs are tried again by themselves; a call of the gateway is repeated by its caller."""
    return "Ask again in a moment." if error.retry is Retry.LATER else error.action


def _sentence(error: SluicegateError) -> str:
    """What happened, so that it can be understood alone: the known client logs this text and nothing else."""
    words = error.detail if error.detail.endswith((".", "!", "?")) else f"{error.detail}."
    if isinstance(error, errors.TransferMissing) and words != _NO_SUCH_JOB:
        return f"{_NO_SUCH_JOB.removesuffix('.')}: {words}"
    return words


def problem_of(error: SluicegateError, instance: str) -> Problem:
    """An error as a problem; ``detail`` tells what to do next where that is known."""
    if isinstance(error, GatewayRefused):
        code, status, detail = error.problem, error.status, error.detail
    else:
        code, status = next(_MEANING[ancestor] for ancestor in type(error).__mro__ if ancestor in _MEANING)
        detail = f"{_sentence(error)} {_next_step(error)}".strip()
    usual, title = _USUAL[code]
    retry_after = RETRY_SECONDS if code is ProblemCode.RATE_LIMITED else None
    return Problem(f"{_TYPE}{code}", title, status or usual, detail, instance, code, retry_after)
