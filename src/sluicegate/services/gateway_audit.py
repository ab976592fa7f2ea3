"""Writes the gateway's audit off the request path: in batches, from a bounded buffer, with retention."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sluicegate.core.audit import AddonPoint, AuditedCall, ProviderPoint, UsagePoint
from sluicegate.core.errors import SluicegateError
from sluicegate.core.ports import Clock, UnitOfWorkFactory

__all__ = ["AuditService", "audit_record"]

_log: Final = logging.getLogger(__name__)
_WAITING_MAX: Final = 20_000
_BATCH: Final = 100
"""Calls of one transaction: while the database writes a long one, turns of the account ledger wait for a processor."""
_PAGE: Final = 500
_USAGE_DAYS_MAX: Final = 366


class AuditService:
    """Keeps calls and tells a user about the own ones."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock, *, retention: timedelta) -> None:
        self._transactions = transactions
        self._clock = clock
        self._retention = retention
        self._waiting: deque[AuditedCall] = deque()
        self._lost = 0
        self._writing = asyncio.Lock()

    def note(self, call: AuditedCall) -> None:
        """Remembers a call for the next ``flush``; when the database lags far behind, new ones are lost."""
        if len(self._waiting) < _WAITING_MAX:
            self._waiting.append(call)
        else:
            self._lost += 1

    async def flush(self) -> None:
        """Writes what waits. When it cannot be written it waits on."""
        async with self._writing:
            if self._lost:
                _log.error("%d audited calls were lost: the database lags behind", self._lost)
                self._lost = 0
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                try:
                    async with self._transactions() as tx:
                        await tx.audits.add(batch)
                except SluicegateError as error:
                    self._waiting.extendleft(reversed(batch))
                    _log.warning("audited calls wait to be written: %s", error.detail)
                    return

    async def forget_old(self) -> None:
        """Deletes calls beyond the retention."""
        async with self._transactions() as tx:
            await tx.audits.forget(self._clock.now() - self._retention)

    async def history(
        self,
        user_id: UUID,
        *,
        limit: int,
        before: datetime | None = None,
        before_id: UUID | None = None,
        addon: str | None = None,
    ) -> list[AuditedCall]:
        """A user's own calls, newest first, those that have just been made included."""
        await self.flush()
        async with self._transactions() as tx:
            return await tx.audits.page(user_id, limit=limit, before=before, before_id=before_id, addon=addon)

    async def log(
        self,
        *,
        limit: int,
        user_id: UUID | None = None,
        addon: str | None = None,
        refused: bool = False,
        before: datetime | None = None,
        before_id: UUID | None = None,
    ) -> list[AuditedCall]:
        """The operator's view: everybody's calls and those of nobody we know, newest first."""
        await self.flush()
        async with self._transactions() as tx:
            return await tx.audits.page(
                user_id, limit=limit, before=before, before_id=before_id, addon=addon, refused=refused
            )

    async def every(
        self, since: datetime, *, user_id: UUID | None = None, addon: str | None = None, refused: bool = False
    ) -> AsyncIterator[AuditedCall]:
        """As ``log``, all of them back to ``since``; page after page, so that a long history needs no memory."""
        last: AuditedCall | None = None
        while True:
            before, before_id = (last.created_at, last.request_id) if last else (None, None)
            calls = await self.log(
                limit=_PAGE, user_id=user_id, addon=addon, refused=refused, before=before, before_id=before_id
            )
            for call in calls:
                if call.created_at < since:
                    return
                yield call
            if len(calls) < _PAGE:
                return
            last = calls[-1]

    async def usage(self, user_id: UUID, *, days: int) -> list[UsagePoint]:
        """Sums of a user's own calls by day (UTC), add-on and operation: today and so many days before."""
        await self.flush()
        since = self._day(days)
        async with self._transactions() as tx:
            return await tx.audits.usage(user_id, since=since)

    async def addon_usage(self, user_id: UUID, *, days: int) -> list[AddonPoint]:
        """Sums of a user's own calls by day and add-on; days as for ``usage``."""
        await self.flush()
        since = self._day(days)
        async with self._transactions() as tx:
            return await tx.audits.addon_usage(user_id, since=since)

    async def provider_usage(self, user_id: UUID, *, days: int) -> list[ProviderPoint]:
        """Sums of what a user's own calls asked of providers, by day and provider; days as for ``usage``."""
        await self.flush()
        since = self._day(days)
        async with self._transactions() as tx:
            return await tx.audits.provider_usage(user_id, since=since)

    def _day(self, back: int) -> date:
        return self._clock.now().astimezone(UTC).date() - timedelta(days=max(0, min(back, _USAGE_DAYS_MAX)))


def audit_record(call: AuditedCall) -> Mapping[str, Any]:
    """A call as plain values, as exports write it."""
    times = {name: round(getattr(call, name), 2) for name in ("duration_ms", "upstream_ms")}
    return asdict(call) | times | {"request_id": str(call.request_id), "created_at": call.created_at.isoformat()}
