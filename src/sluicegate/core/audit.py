"""The audit of the gateway: one row per call, refused ones included, and a child row per provider. Append-only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

__all__ = ["AddonPoint", "AuditRepository", "AuditedCall", "AuditedProvider", "ProviderPoint", "UsagePoint"]


@dataclass(frozen=True, slots=True)
class AuditedProvider:
    """What one provider contributed to a call.

    Attributes:
        provider: the slug that was asked for.
        status: 200, or the status of its error.
        error_code: the ``rg.*`` code that was answered, or None.
        upstream_code: the provider's own code or status, as data.
        duration_ms: from the start of the fan-out to its answer or its deadline.
    """

    provider: str
    status: int
    error_code: str | None
    upstream_code: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class AuditedCall:
    """A call of the gateway as it is kept. Nothing here is secret: paths have no query and no credential.

    Attributes:
        addon: the identifier that was presented, if it looks like one; proven only when ``addon_proven``.
        user_id: owner of the proxy key; None in direct mode and before a key is recognised.
        duration_ms: from the request's head to the answer.
        upstream_ms: how much of that the slowest provider took.
    """

    request_id: UUID
    created_at: datetime
    addon: str
    addon_proven: bool
    user_id: UUID | None
    key_id: UUID | None
    caller_ip: str
    operation: str
    method: str
    path: str
    providers: tuple[str, ...]
    http_status: int
    error_code: str | None
    duration_ms: float
    upstream_ms: float
    answers: tuple[AuditedProvider, ...] = ()


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """Calls of one day, add-on and operation, for charts."""

    day: datetime
    addon: str
    operation: str
    calls: int
    refused: int
    mean_ms: float


@dataclass(frozen=True, slots=True)
class AddonPoint:
    """Calls of one day (UTC) in one add-on's name, for charts."""

    day: date
    addon: str
    calls: int
    refused: int
    mean_ms: float


@dataclass(frozen=True, slots=True)
class ProviderPoint:
    """What calls asked of one provider on one day, for charts; ``failed`` are its answers with an error."""

    day: datetime
    provider: str
    calls: int
    failed: int
    mean_ms: float


class AuditRepository(Protocol):
    """Audited calls."""

    async def add(self, calls: Sequence[AuditedCall]) -> None:
        """Appends them in one go; one that is there already is left alone."""
        ...

    async def page(
        self,
        user_id: UUID | None,
        *,
        limit: int,
        before: datetime | None = None,
        before_id: UUID | None = None,
        addon: str | None = None,
        refused: bool = False,
    ) -> list[AuditedCall]:
        """Newest first, those of one user, or for None everybody's and nobody's.

        Args:
            user_id: whose.
            limit: at most so many.
            before: only older ones; of those made in the same moment, the ones after ``before_id``.
            before_id: the last call of the page before.
            addon: only calls in this add-on's name.
            refused: only calls that were refused as a whole.
        """
        ...

    async def usage(self, user_id: UUID, *, since: date) -> list[UsagePoint]:
        """Sums by day, add-on and operation, from that day on; of very many the newest, the oldest first."""
        ...

    async def addon_usage(self, user_id: UUID, *, since: date) -> list[AddonPoint]:
        """Sums by day and add-on, as ``usage``."""
        ...

    async def provider_usage(self, user_id: UUID, *, since: date) -> list[ProviderPoint]:
        """Sums by day and provider, as ``usage``."""
        ...

    async def forget(self, before: datetime) -> int:
        """Deletes what is older; how many calls that were."""
        ...
