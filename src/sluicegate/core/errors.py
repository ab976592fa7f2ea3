"""The one tree of errors: each says what happened, what to do next and when.

Errors are translated twice only: upstream to core in an adapter, core to wire in a surface. Code decides on classes
and on ``code``, never on message text. ``detail`` is a plain sentence for a person and never holds a secret.

    SluicegateError
    ├── InvalidInput              the caller must change what was sent
    │   ├── MalformedSource       not a magnet, hash, .torrent, NZB or link we can read
    │   ├── UnsafeSource          readable, but over a limit or with hostile names
    │   ├── ForbiddenAddress      the egress guard refused the address
    │   └── ContentBlocked        the operator's blocklist names it
    ├── AccessDenied
    │   ├── Unauthenticated
    │   ├── PlanRequired          the user's own entitlement here, not at a provider
    │   └── PolicyDenied
    ├── NotFound                  unknown, or somebody else's
    ├── Conflict
    │   ├── IllegalMove           the state does not allow it
    │   ├── NotReady              ask again later
    │   └── AlreadyExists
    ├── LimitReached
    │   ├── RateLimited
    │   └── QuotaExceeded
    ├── UpstreamError             what a provider or remote host did to us
    │   ├── CredentialsRejected   ├── AccountLocked        ├── UpstreamPlanRequired
    │   ├── UpstreamLimit
    │   │   ├── UpstreamRateLimited  ├── UpstreamQuota  ├── SlotsFull  ├── CoolingDown
    │   │   └── HeldBack          our own ledger said no; the provider was not asked
    │   ├── UpstreamUnavailable
    │   │   ├── UpstreamTimeout   ├── ConnectionFailed     └── UpstreamServerError
    │   ├── ProtocolError         an answer that cannot be understood
    │   ├── SourceRejected        the provider refuses this content
    │   ├── TransferMissing       ├── TransferNotReady     ├── TransferFailed
    │   ├── LinkExpired           ├── FileGone
    │   ├── HosterUnsupported     ├── HosterDown
    │   └── NotSupported          the provider has no such operation, or has withdrawn it
    ├── StorageError
    │   ├── StorageFull  ├── StorageDenied  ├── StorageUnavailable  ├── SizeMismatch  └── ObjectMissing
    ├── MediaError
    │   ├── NoMedia  ├── MediaRestricted  ├── MediaProtected  ├── ExtractionFailed  └── ConversionFailed
    ├── DeadlineExceeded
    └── InternalError
"""

from enum import StrEnum
from typing import ClassVar

__all__ = [
    "AccessDenied",
    "AccountLocked",
    "AlreadyExists",
    "ConditionUnmet",
    "Conflict",
    "ConnectionFailed",
    "ContentBlocked",
    "ConversionFailed",
    "CoolingDown",
    "CredentialsRejected",
    "DeadlineExceeded",
    "ExtractionFailed",
    "FileGone",
    "ForbiddenAddress",
    "HeldBack",
    "HosterDown",
    "HosterUnsupported",
    "IllegalMove",
    "InternalError",
    "InvalidInput",
    "LimitReached",
    "LinkExpired",
    "MalformedSource",
    "MediaError",
    "MediaProtected",
    "MediaRestricted",
    "NoMedia",
    "NotFound",
    "NotReady",
    "NotSupported",
    "ObjectMissing",
    "PlanRequired",
    "PolicyDenied",
    "ProtocolError",
    "QuotaExceeded",
    "RateLimited",
    "Retry",
    "SizeMismatch",
    "SlotsFull",
    "SluicegateError",
    "SourceRejected",
    "StorageDenied",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "TransferFailed",
    "TransferMissing",
    "TransferNotReady",
    "Unauthenticated",
    "UnsafeSource",
    "UpstreamError",
    "UpstreamLimit",
    "UpstreamPlanRequired",
    "UpstreamQuota",
    "UpstreamRateLimited",
    "UpstreamServerError",
    "UpstreamTimeout",
    "UpstreamUnavailable",
]


class Retry(StrEnum):
    """Whether the same call may succeed later without anybody changing anything."""

    NEVER = "never"
    """The answer will not change; the caller must send something else."""
    LATER = "later"
    """Transient: wait ``retry_after`` seconds (or a back-off of one's own) and try again."""
    AFTER_CHANGE = "after_change"
    """A person must act first: renew a token, free a slot, buy a plan, free disk space."""


class SluicegateError(Exception):
    """Root of everything we raise on purpose.

    Attributes:
        code: stable, snake_case, unique in the tree; surfaces map on the class or on this, never on text.
        retry: whether trying again can help.
        action: what the reader should do next, as a sentence.
        detail: what happened, as a sentence; free of secrets.
        retry_after: seconds to wait before trying again, when known.
        field: the name of the offending request field, when there is one.
    """

    code: ClassVar[str] = "error"
    retry: ClassVar[Retry] = Retry.NEVER
    action: str = "Report this: it has no better explanation yet."

    def __init__(
        self,
        detail: str = "",
        *,
        action: str | None = None,
        retry_after: float | None = None,
        field: str | None = None,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or self.code).splitlines()[0]
        self.retry_after = retry_after
        self.field = field
        if action is not None:
            self.action = action
        super().__init__(self.detail)

    @property
    def transient(self) -> bool:
        """True when the same call may succeed later by itself; such an error never ends anything."""
        return self.retry is Retry.LATER


class InvalidInput(SluicegateError):
    """What was sent cannot be accepted."""

    code = "invalid_input"
    action = "Correct the request and send it again."


class MalformedSource(InvalidInput):
    """This is not a magnet, info hash, .torrent, NZB or http(s) link that can be read."""

    code = "malformed_source"
    action = "Check that the magnet, hash, file or link was copied whole."


class UnsafeSource(InvalidInput):
    """This source is readable, but exceeds a safety limit or carries hostile names."""

    code = "unsafe_source"
    action = "Use another source; this one is refused on every try."


class ConditionUnmet(InvalidInput):
    """Nobody can deliver this under the conditions that you have set."""

    code = "condition_unmet"
    action = "Change your preferences for the cascade, or choose another release; then submit it again."


class ForbiddenAddress(InvalidInput):
    """Connections to this address are not allowed from here."""

    code = "forbidden_address"
    action = "Use a public address, or let the operator add the network to SLUICEGATE_EGRESS_ALLOW."


class ContentBlocked(InvalidInput):
    """The operator of this installation refuses this content."""

    code = "content_blocked"
    action = "Use another source; this one is refused on every try."


class AccessDenied(SluicegateError):
    """This caller may not do this."""

    code = "access_denied"
    action = "Use a key that is allowed to do this."


class Unauthenticated(AccessDenied):
    """A credential is missing or not valid."""

    code = "unauthenticated"
    action = "Send a valid key; keys are made with 'sluicegate keys create'."


class PlanRequired(AccessDenied):
    """This user's plan does not include this action."""

    code = "plan_required"
    retry = Retry.AFTER_CHANGE
    action = "Ask the operator to enable it for your user."


class PolicyDenied(AccessDenied):
    """A policy of this installation refuses this."""

    code = "policy_denied"
    retry = Retry.AFTER_CHANGE
    action = "Ask the operator which rule applies."


class NotFound(SluicegateError):
    """There is no such object, or it belongs to somebody else."""

    code = "not_found"
    action = "Check the id; list your own objects to find it."


class Conflict(SluicegateError):
    """The state of the object does not allow this."""

    code = "conflict"
    action = "Look at the object's state first."


class IllegalMove(Conflict):
    """This object cannot go from its state to the wanted one."""

    code = "illegal_move"


class NotReady(Conflict):
    """This is not finished yet."""

    code = "not_ready"
    retry = Retry.LATER
    action = "Ask again when its state is ready."


class AlreadyExists(Conflict):
    """Such an object exists already."""

    code = "already_exists"
    action = "Use the existing one."


class LimitReached(SluicegateError):
    """A limit of this installation is reached."""

    code = "limit_reached"
    retry = Retry.LATER
    action = "Wait, then try again."


class RateLimited(LimitReached):
    """Too many requests."""

    code = "rate_limited"


class QuotaExceeded(LimitReached):
    """A quota of this user is used up."""

    code = "quota_exceeded"
    retry = Retry.AFTER_CHANGE
    action = "Delete something or ask the operator for a larger quota."


class UpstreamError(SluicegateError):
    """A provider or remote host did not do what was asked.

    Attributes:
        provider: house name of the provider (``realdebrid``), empty for a plain remote host.
        upstream_code: the provider's own error code or HTTP status as text, for the trace; never interpreted later.
    """

    code = "upstream_error"
    retry = Retry.LATER
    action = "Nothing to do: it is tried again by itself."

    def __init__(
        self,
        detail: str = "",
        *,
        provider: str = "",
        upstream_code: str = "",
        action: str | None = None,
        retry_after: float | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(detail, action=action, retry_after=retry_after, field=field)
        self.provider = provider
        self.upstream_code = upstream_code


class CredentialsRejected(UpstreamError):
    """The provider does not accept this account's token."""

    code = "credentials_rejected"
    retry = Retry.AFTER_CHANGE
    action = "Make a new token at the provider and store it with 'sluicegate accounts add' or 'accounts rotate'."


class AccountLocked(UpstreamError):
    """The provider has locked this account or this server's address."""

    code = "account_locked"
    retry = Retry.AFTER_CHANGE
    action = "Sign in at the provider's site and follow what it asks for."


class UpstreamPlanRequired(UpstreamError):
    """The account's plan at the provider does not include this."""

    code = "upstream_plan_required"
    retry = Retry.AFTER_CHANGE
    action = "Renew or upgrade the plan at the provider."


class UpstreamLimit(UpstreamError):
    """A limit of the provider is reached."""

    code = "upstream_limit"
    action = "Nothing to do: it is tried again when the limit allows."


class UpstreamRateLimited(UpstreamLimit):
    """The provider asks for fewer calls."""

    code = "upstream_rate_limited"


class UpstreamQuota(UpstreamLimit):
    """The account's traffic or points at the provider are used up for now."""

    code = "upstream_quota"


class SlotsFull(UpstreamLimit):
    """The account has as many active transfers as its plan allows."""

    code = "slots_full"


class CoolingDown(UpstreamLimit):
    """The provider has put this account on a cool-down."""

    code = "cooling_down"


class HeldBack(UpstreamLimit):
    """The account's calls are used up for now, so the provider was not asked."""

    code = "held_back"


class UpstreamUnavailable(UpstreamError):
    """The remote side cannot be reached or cannot answer now."""

    code = "upstream_unavailable"


class UpstreamTimeout(UpstreamUnavailable):
    """The remote side did not answer in time."""

    code = "upstream_timeout"


class ConnectionFailed(UpstreamUnavailable):
    """The connection to the remote side failed or broke."""

    code = "connection_failed"


class UpstreamServerError(UpstreamUnavailable):
    """The remote side reports a fault of its own."""

    code = "upstream_server_error"


class ProtocolError(UpstreamError):
    """The remote side answered something that cannot be understood."""

    code = "protocol_error"


class SourceRejected(UpstreamError):
    """The provider refuses this content."""

    code = "source_rejected"
    retry = Retry.NEVER
    action = "Try another provider or another release."


class TransferMissing(UpstreamError):
    """The provider knows no such transfer."""

    code = "transfer_missing"
    retry = Retry.NEVER
    action = "Submit the source again."


class TransferNotReady(UpstreamError):
    """The provider has not finished this transfer yet."""

    code = "transfer_not_ready"


class TransferFailed(UpstreamError):
    """The provider gave up on this transfer."""

    code = "transfer_failed"
    retry = Retry.NEVER
    action = "Try another provider or another release."


class LinkExpired(UpstreamError):
    """The direct link is no longer valid."""

    code = "link_expired"
    action = "Nothing to do: a fresh link is made by itself."


class FileGone(UpstreamError):
    """The remote side no longer has this file."""

    code = "file_gone"
    retry = Retry.NEVER
    action = "Submit the source again or use another link."


class HosterUnsupported(UpstreamError):
    """The provider does not support this file hoster."""

    code = "hoster_unsupported"
    retry = Retry.NEVER
    action = "Use another provider or another hoster."


class HosterDown(UpstreamError):
    """The file hoster is down at the provider for now."""

    code = "hoster_down"


class NotSupported(UpstreamError):
    """The provider has no such operation."""

    code = "not_supported"
    retry = Retry.NEVER
    action = "Use a provider with this capability; the capability table is in the docs."


class StorageError(SluicegateError):
    """The storage could not do what was asked.

    Attributes:
        reason: the storage's own word for it (``AccessDenied``), empty when it gave none.
    """

    code = "storage_error"
    retry = Retry.LATER
    action = "Check the storage target; it is tried again by itself."

    def __init__(
        self,
        detail: str = "",
        *,
        reason: str = "",
        action: str | None = None,
        retry_after: float | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(detail, action=action, retry_after=retry_after, field=field)
        self.reason = reason


class StorageFull(StorageError):
    """The storage has no space left."""

    code = "storage_full"
    retry = Retry.AFTER_CHANGE
    action = "Free space or add another storage target, then retry the job."


class StorageDenied(StorageError):
    """The storage refuses these credentials or this bucket."""

    code = "storage_denied"
    retry = Retry.AFTER_CHANGE
    action = "Check the bucket's name and the permissions of its key."


class StorageUnavailable(StorageError):
    """The storage cannot be reached now."""

    code = "storage_unavailable"


class SizeMismatch(StorageError):
    """The bytes that arrived are not as many as were promised; nothing was kept."""

    code = "size_mismatch"


class ObjectMissing(StorageError):
    """The storage has no such object."""

    code = "object_missing"
    retry = Retry.NEVER
    action = "Submit the source again; the stored copy is gone."


class MediaError(SluicegateError):
    """The media could not be fetched or shaped."""

    code = "media_error"
    action = "Look at the job's error text; retry the job when the cause is gone."


class NoMedia(MediaError):
    """There is no video or audio at this address."""

    code = "no_media"
    action = "Check the address in a browser; hand in the page that plays the media."


class MediaRestricted(MediaError):
    """The media is private, for members, removed or not available in this region."""

    code = "media_restricted"
    action = "Use media that is open to everybody here."


class MediaProtected(MediaError):
    """The media is protected by DRM or has no stream that may be copied."""

    code = "media_protected"
    action = "Use another source; protected media is skipped on every try."


class ExtractionFailed(MediaError):
    """The page could not be read for technical reasons."""

    code = "extraction_failed"
    retry = Retry.LATER


class ConversionFailed(MediaError):
    """The media could not be converted to the wanted format."""

    code = "conversion_failed"


class DeadlineExceeded(SluicegateError):
    """The time allowed for this request is over."""

    code = "deadline_exceeded"
    retry = Retry.LATER
    action = "Try again, or allow more time."


class InternalError(SluicegateError):
    """Something went wrong in Sluicegate itself."""

    code = "internal_error"
    retry = Retry.LATER
    action = "Look for the request id in the log and report it."
