"""Entitlements: what a plan includes. An installation without billing gives everything to everybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sluicegate.core.errors import PlanRequired

__all__ = ["NO_LIMITS", "UNLIMITED", "Entitlement", "EntitlementRepository", "Entitlements", "PlanLimits"]


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Figures of a plan; 0 stands for no limit, as on the wire.

    Attributes:
        max_concurrent_jobs: library jobs in flight.
        max_torrent_bytes: size of one torrent, as far as it is known when it is handed in.
        max_rss_feeds: inbound feeds.
    """

    max_concurrent_jobs: int = 0
    max_torrent_bytes: int = 0
    max_rss_feeds: int = 0

    def check_jobs(self, in_flight: int) -> None:
        """Raises PlanRequired when this many jobs in flight are more than the plan includes."""
        if self.max_concurrent_jobs and in_flight > self.max_concurrent_jobs:
            raise PlanRequired(
                f"Your plan includes {self.max_concurrent_jobs} jobs at the same time.",
                action="Wait until one is over, or change your plan.",
            )

    def check_size(self, size: int | None) -> None:
        """Raises PlanRequired when a torrent of this size is larger than the plan includes."""
        if self.max_torrent_bytes and size is not None and size > self.max_torrent_bytes:
            raise PlanRequired(
                f"Your plan includes torrents of up to {self.max_torrent_bytes:,} bytes.",
                action="Hand in a smaller one, or change your plan.",
            )

    def check_feeds(self, feeds: int) -> None:
        """Raises PlanRequired when this many feeds are more than the plan includes."""
        if self.max_rss_feeds and feeds > self.max_rss_feeds:
            raise PlanRequired(
                f"Your plan includes {self.max_rss_feeds} feeds.", action="Delete one, or change your plan."
            )


NO_LIMITS = PlanLimits()


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A user's plan as it is now.

    Attributes:
        plan: its name.
        names: the entitlements that are active.
        active: whether the plan is in force; a lapsed one falls back to the free limits.
        expires_at: UTC end of what is paid for, None when it does not end.
        management_url: where the user changes the plan, when there is such a page.
    """

    plan: str
    names: tuple[str, ...] = ()
    active: bool = True
    expires_at: datetime | None = None
    management_url: str | None = None
    limits: PlanLimits = NO_LIMITS


UNLIMITED = Entitlement("unlimited")
"""Everything, for ever, to everybody."""


class Entitlements(Protocol):
    """Knows what users are entitled to."""

    async def of(self, user_id: UUID) -> Entitlement:
        """The user's plan; may ask a billing service, so it is never called inside a unit of work.

        A billing service that is away never takes anything from a user: what was known last is answered then.
        """
        ...


class EntitlementRepository(Protocol):
    """What the billing service said last, so that it is not asked for every request."""

    async def get(self, user_id: UUID) -> tuple[Mapping[str, Any], datetime] | None:
        """Its facts and when they were told, or None."""
        ...

    async def put(self, user_id: UUID, facts: Mapping[str, Any], at: datetime) -> None:
        """Keeps them."""
        ...

    async def expire(self, user_id: UUID) -> None:
        """Has them asked for anew the next time; without anything kept, nothing happens."""
        ...
