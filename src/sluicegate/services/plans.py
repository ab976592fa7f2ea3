"""Plans: what users are entitled to, told by a billing service and remembered, and the checks that follow from it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from sluicegate.core.entitlements import UNLIMITED, Entitlement, PlanLimits
from sluicegate.core.errors import SluicegateError
from sluicegate.core.ports import Clock, UnitOfWorkFactory

__all__ = ["BilledPlans", "Billing", "PlanRules", "UnlimitedPlans"]

_log: Final = logging.getLogger(__name__)
_FRESH: Final = timedelta(minutes=5)
_ASK_SECONDS: Final = 5.0
_NONE: Final = PlanLimits()


class UnlimitedPlans:
    """Implements ``core.entitlements.Entitlements`` without billing: everything to everybody."""

    async def of(self, user_id: UUID) -> Entitlement:
        """See the port."""
        del user_id
        return UNLIMITED


class Billing(Protocol):
    """A billing service."""

    async def subscriber(self, user_id: UUID) -> Mapping[str, Any]:
        """What it knows about a user, as JSON facts: ``entitlements`` by name, ``management_url``.

        Each entitlement has ``expires_at`` (ISO 8601, None for one that does not end; grace time included).

        Raises:
            UpstreamError: it does not tell right now.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlanRules:
    """How entitlements become a plan.

    Attributes:
        required: the entitlement that makes the plan a paid one; empty when any does.
        free: limits of whoever has none.
        paid: limits of whoever has one.
    """

    required: str = ""
    free: PlanLimits = _NONE
    paid: PlanLimits = _NONE

    def judge(self, facts: Mapping[str, Any], now: datetime) -> Entitlement:
        """The plan that follows from what the billing service said."""
        ends = {name: _moment(one.get("expires_at")) for name, one in facts.get("entitlements", {}).items()}
        active = {name: end for name, end in ends.items() if end is None or end > now}
        counting = {name: end for name, end in active.items() if not self.required or name == self.required}
        expires = None if None in counting.values() else max((end for end in counting.values() if end), default=None)
        return Entitlement(
            plan="paid" if counting else "free",
            names=tuple(sorted(active)),
            active=bool(counting),
            expires_at=expires,
            management_url=facts.get("management_url"),
            limits=self.paid if counting else self.free,
        )


class BilledPlans:
    """Implements ``core.entitlements.Entitlements`` over a billing service, whose answers are kept for minutes.

    While it is away, what it said last counts for as long as that lasts; a user of whom nothing is known yet is not
    refused then either: people must not pay for a service's bad day.
    """

    def __init__(self, transactions: UnitOfWorkFactory, billing: Billing, rules: PlanRules, clock: Clock) -> None:
        self._transactions = transactions
        self._billing = billing
        self._rules = rules
        self._clock = clock
        self._asking: dict[UUID, asyncio.Task[Mapping[str, Any]]] = {}

    async def of(self, user_id: UUID) -> Entitlement:
        """See the port."""
        now = self._clock.now()
        async with self._transactions() as tx:
            kept = await tx.plans.get(user_id)
        if kept is not None and now - kept[1] < _FRESH:
            return self._rules.judge(kept[0], now)
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                facts = await asyncio.shield(self._flight(user_id))
        except (SluicegateError, TimeoutError) as error:
            _log.warning("the billing service does not tell about a user: %s", type(error).__name__)
            return self._rules.judge(kept[0], now) if kept else UNLIMITED
        return self._rules.judge(facts, now)

    async def changed(self, user_id: UUID) -> None:
        """The billing service says that something has changed: it is asked again the next time."""
        async with self._transactions() as tx:
            await tx.plans.expire(user_id)

    def _flight(self, user_id: UUID) -> "asyncio.Task[Mapping[str, Any]]":
        """One question at a time about one user."""
        flight = self._asking.get(user_id)
        if flight is None:
            flight = asyncio.create_task(self._ask(user_id))
            self._asking[user_id] = flight
            flight.add_done_callback(lambda _: self._asking.pop(user_id, None))
        return flight

    async def _ask(self, user_id: UUID) -> Mapping[str, Any]:
        facts = await self._billing.subscriber(user_id)
        async with self._transactions() as tx:
            await tx.plans.put(user_id, facts, self._clock.now())
        return facts


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
