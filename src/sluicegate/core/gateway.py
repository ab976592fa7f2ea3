"""The canonical gateway's vocabulary: its operations, its problem codes, and the refusal that carries one.

The codes are the contract's own words (its sheet, section 5.3). They live here because the audit keeps the same string
that the caller was answered.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sluicegate.core.errors import SluicegateError
from sluicegate.core.sources import SourceKind

__all__ = ["NOT_MAPPED", "PROVIDERS", "GatewayOperation", "GatewayRefused", "JobKind", "ProblemCode"]


class ProblemCode(StrEnum):
    """Every ``rg.*`` code: the contract's twenty-one, and two of our own."""

    INVALID_PROVIDER = "rg.invalid_provider"
    VALIDATION_ERROR = "rg.validation_error"
    MISSING_ADDON_ID = "rg.missing_addon_id"
    MISSING_DEVELOPER_SECRET = "rg.missing_developer_secret"  # noqa: S105 - a code, not a secret
    MISSING_END_USER_CREDENTIAL = "rg.missing_end_user_credential"
    CONFLICTING_CREDENTIALS = "rg.conflicting_gateway_credentials"
    INVALID_DEVELOPER = "rg.invalid_developer"
    INVALID_PROXY_KEY = "rg.invalid_proxy_key"
    VAULT_MISSING = "rg.vault_missing"
    ADDON_ACCESS_DENIED = "rg.addon_access_denied"
    ADDON_NOT_ALLOWLISTED = "rg.addon_not_allowlisted"
    EDGE_IP_REQUIRED = "rg.edge_ip_required"
    IP_ACCESS_DENIED = "rg.ip_access_denied"
    IP_NOT_ALLOWLISTED = "rg.ip_not_allowlisted"
    RATE_LIMITED = "rg.rate_limited"
    UPSTREAM_UNREACHABLE = "rg.upstream_unreachable"
    UPSTREAM_NON_JSON = "rg.upstream_non_json"
    UPSTREAM_ERROR = "rg.upstream_error"
    """Ours: a well-formed error of the provider, for which the contract's open list has no code."""
    TLS_REQUIRED = "rg.tls_required"
    """Ours: the contract requires TLS, and has no code for a call that came without."""
    RESOURCE_NOT_FOUND = "rg.resource_not_found"
    FEATURE_UNSUPPORTED = "rg.feature_unsupported"
    PROVIDER_ADAPTER_MISSING = "rg.provider_adapter_missing"
    INTERNAL_ERROR = "rg.internal_error"


class GatewayRefused(SluicegateError):
    """The gateway does not carry out this request, or this part of it.

    Attributes:
        problem: the contract's code; it decides title and status on the wire.
        status: HTTP status where the code's usual one does not fit, else None.
    """

    code = "gateway_refused"
    action = ""

    def __init__(
        self, problem: ProblemCode, detail: str, *, status: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(detail, field=field)
        self.problem = problem
        self.status = status


class GatewayOperation(StrEnum):
    """What can be asked, in the contract's words."""

    ACCOUNT = "account.session"
    UNLOCK = "hoster.links.unlock"
    JOBS_LIST = "jobs.list"
    JOBS_CREATE = "jobs.create"
    JOBS_GET = "jobs.get"
    JOBS_CANCEL = "jobs.cancel"
    FILES_LIST = "jobs.files.list"
    PLAYBACK = "jobs.files.playback"
    CACHE_CHECK = "torrents.cache_check"
    PROXY = "proxy"

    @property
    def schema(self) -> str:
        """The name of the operation's payload, ``relaygate.<operation>.v1``."""
        return f"relaygate.{self}.v1"


class JobKind(StrEnum):
    """The contract's three kinds of work."""

    TORRENT = "torrent"
    USENET = "usenet"
    WEB_FETCH = "web_fetch"

    @property
    def source_kind(self) -> SourceKind:
        """The same in our words."""
        return _SOURCE_KINDS[self]

    @classmethod
    def of(cls, kind: SourceKind) -> "JobKind":
        """Our word in the contract's."""
        return next(ours for ours, theirs in _SOURCE_KINDS.items() if theirs is kind)


_SOURCE_KINDS = {
    JobKind.TORRENT: SourceKind.TORRENT,
    JobKind.USENET: SourceKind.USENET,
    JobKind.WEB_FETCH: SourceKind.WEB,
}


PROVIDERS: Final[Mapping[str, str]] = {
    "real_debrid": "realdebrid",
    "alldebrid": "alldebrid",
    "premiumize": "premiumize",
    "torbox": "torbox",
    "debrid_link": "debridlink",
    "torrin": "torrin",
    "smokedebrid": "smokedebrid",
}
"""The catalogue: house name by public slug. One without an adapter answers ``rg.provider_adapter_missing``."""

NOT_MAPPED: Final = frozenset({("smokedebrid", GatewayOperation.UNLOCK)})
"""What the contract's matrix says no to, although the provider could."""
