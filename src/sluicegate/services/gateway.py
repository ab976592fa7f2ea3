"""The gateway's services as one part of an installation, and the upkeep that runs beside a server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.errors import SluicegateError
from sluicegate.core.ports import Clock, KeyVerifier, Providers, UnitOfWorkFactory, Vault
from sluicegate.services.gateway_access import AccessNotices, AccessService
from sluicegate.services.gateway_addons import AddonService
from sluicegate.services.gateway_audit import AuditService
from sluicegate.services.gateway_fanout import FanOut
from sluicegate.services.gateway_jobs import GatewayJobs
from sluicegate.services.gateway_keys import ProxyKeyService
from sluicegate.services.gateway_learned import LearnedAvailability
from sluicegate.services.gateway_limits import GatewayLimits, RateAllowance
from sluicegate.services.gateway_policies import PolicyService

__all__ = ["Gateway"]

_log: Final = logging.getLogger(__name__)
_FLUSH_SECONDS: Final = 1.0
_TIDY_EVERY: Final = 3_600
"""Flushes between two deletions of what is old."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that the gateway's surfaces and commands call."""

    access: AccessService
    addons: AddonService
    audit: AuditService
    fanout: FanOut
    jobs: GatewayJobs
    keys: ProxyKeyService
    learned: LearnedAvailability
    limits: GatewayLimits
    policies: PolicyService

    @classmethod
    def of(
        cls,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        vault: Vault,
        keys: KeyVerifier,
        clock: Clock,
        *,
        allowance: RateAllowance | None = None,
        retention: timedelta = timedelta(days=90),
        gate: ContentGate = OPEN_GATE,
    ) -> Self:
        """Puts the services together.

        Args:
            transactions: the database.
            providers: makes adapters.
            vault: recognises secrets.
            keys: verifies proxy keys.
            clock: time.
            allowance: rate limits.
            retention: how long calls stay in the audit.
            gate: refuses content before any provider is asked.
        """
        learned = LearnedAvailability(transactions, clock)
        return cls(
            access=AccessService(transactions, vault, keys, clock),
            addons=AddonService(transactions, vault, clock),
            audit=AuditService(transactions, clock, retention=retention),
            fanout=FanOut(providers),
            jobs=GatewayJobs(learned, gate),
            keys=ProxyKeyService(transactions, vault, clock),
            learned=learned,
            limits=GatewayLimits(transactions, allowance or RateAllowance()),
            policies=PolicyService(transactions, clock),
        )

    @asynccontextmanager
    async def running(self, notices: AccessNotices) -> AsyncIterator[None]:
        """Keeps the gateway up inside the block; leaving it writes what still waits.

        Raises:
            InternalError: the database is not reachable.
        """
        await self.access.follow(notices)
        upkeep = asyncio.create_task(self._keep_up(), name="gateway upkeep")
        try:
            yield
        finally:
            upkeep.cancel()
            await asyncio.wait({upkeep})
            await self.flush()

    async def flush(self) -> None:
        """Writes audited calls and learnt facts, and shares the counts of rate limits."""
        await self.audit.flush()
        await self.learned.flush()
        await self.limits.flush()

    async def _keep_up(self) -> None:
        passed = 0
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
                if passed % _TIDY_EVERY == 0:
                    await self.audit.forget_old()
                    await self.learned.forget_old()
            except SluicegateError as error:
                _log.warning("the gateway's upkeep failed and goes on: %s", error.detail)
            except Exception as error:  # noqa: BLE001 - a bug here must not end the audit of everything that follows
                _log.error("the gateway's upkeep met an unexpected error", exc_info=error)
            passed += 1
