"""Webhooks in the database."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.webhooks import (
    Attempt,
    Delivery,
    DeliveryState,
    DueDelivery,
    Endpoint,
    EventType,
    SigningSecret,
    WebhookEvent,
)
from sluicegate.db.rows import columns_of, first, many, one, page_bounds
from sluicegate.db.webhook_schema import attempts, deliveries, endpoints, events, secrets

__all__ = ["Webhooks"]

_PENDING = deliveries.c.state == str(DeliveryState.PENDING)


class Webhooks:
    """Implements ``core.webhooks.WebhookRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_endpoint(self, endpoint: Endpoint) -> None:
        """See the port."""
        await self._connection.execute(insert(endpoints).values(_endpoint_columns(endpoint)))

    async def endpoint(self, endpoint_id: UUID, *, user_id: UUID, lock: bool = False) -> Endpoint:
        """See the port."""
        statement = select(endpoints).where(endpoints.c.id == endpoint_id, endpoints.c.user_id == user_id)
        row = await one(self._connection, statement.with_for_update() if lock else statement, "webhook endpoint")
        return _endpoint(row)

    async def endpoints(self, user_id: UUID, *, limit: int, offset: int) -> list[Endpoint]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        order = (endpoints.c.created_at, endpoints.c.id)
        statement = select(endpoints).where(endpoints.c.user_id == user_id).order_by(*order)
        return [_endpoint(row) for row in await many(self._connection, statement.limit(limit).offset(offset))]

    async def update_endpoint(self, endpoint: Endpoint) -> None:
        """See the port."""
        values = _endpoint_columns(endpoint)
        for fixed in ("id", "user_id", "created_at"):
            del values[fixed]
        await self._connection.execute(update(endpoints).where(endpoints.c.id == endpoint.id).values(values))

    async def remove_endpoint(self, endpoint_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(endpoints).where(endpoints.c.id == endpoint_id))

    async def add_secret(self, secret: SigningSecret) -> None:
        """See the port."""
        await self._connection.execute(insert(secrets).values(columns_of(secret)))

    async def secrets(self, user_id: UUID, endpoint_id: UUID | None, at: datetime) -> list[SigningSecret]:
        """See the port."""
        statement = (
            select(secrets)
            .where(_secrets_of(user_id, endpoint_id), _valid(at))
            .order_by(secrets.c.expires_at.desc().nulls_first(), secrets.c.created_at.desc())
        )
        return [SigningSecret(**row) for row in await many(self._connection, statement)]

    async def expire_secrets(self, user_id: UUID, endpoint_id: UUID | None, at: datetime) -> None:
        """See the port."""
        statement = update(secrets).where(_secrets_of(user_id, endpoint_id), _valid(at)).values(expires_at=at)
        await self._connection.execute(statement)

    async def lock_secrets(self, user_id: UUID, endpoint_id: UUID | None) -> None:
        """See the port."""
        await self._lock(f"webhook secrets {user_id} {endpoint_id}")

    async def add_event(self, event: WebhookEvent, deliveries: Sequence[Delivery]) -> None:
        """See the port."""
        await self._connection.execute(insert(events).values(columns_of(event)))
        for delivery in deliveries:
            await self.add_delivery(delivery)

    async def event(self, event_id: UUID) -> WebhookEvent:
        """See the port."""
        return _event(await one(self._connection, select(events).where(events.c.id == event_id), "webhook event"))

    async def add_delivery(self, delivery: Delivery) -> None:
        """See the port."""
        await self._connection.execute(insert(deliveries).values(columns_of(delivery)))

    async def delivery(self, delivery_id: UUID, *, user_id: UUID, lock: bool = False) -> Delivery:
        """See the port."""
        statement = select(deliveries).where(deliveries.c.id == delivery_id, deliveries.c.user_id == user_id)
        row = await one(self._connection, statement.with_for_update() if lock else statement, "webhook delivery")
        return _delivery(row)

    async def deliveries(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int,
        state: DeliveryState | None = None,
        endpoint_id: UUID | None = None,
        job_id: UUID | None = None,
    ) -> list[tuple[Delivery, EventType, UUID | None]]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        wanted: list[ColumnElement[bool]] = [deliveries.c.user_id == user_id]
        wanted += [deliveries.c.state == str(state)] if state else []
        wanted += [deliveries.c.endpoint_id == endpoint_id] if endpoint_id else []
        wanted += [events.c.job_id == job_id] if job_id else []
        statement = (
            select(deliveries, events.c.type.label("event_type"), events.c.job_id.label("event_job"))
            .join(events, events.c.id == deliveries.c.event_id)
            .where(*wanted)
            .order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        rows = await many(self._connection, statement)
        return [(_delivery(row), EventType(row["event_type"]), row["event_job"]) for row in rows]

    async def due(self, receiver: str, at: datetime, *, limit: int) -> list[DueDelivery]:
        """See the port."""
        statement = (
            select(deliveries)
            .where(deliveries.c.receiver == receiver, _PENDING, deliveries.c.next_at <= at)
            .order_by(deliveries.c.next_at, deliveries.c.id)
            .limit(page_bounds(limit, 0)[0])
        )
        return [await self._with_its_needs(_delivery(row), at) for row in await many(self._connection, statement)]

    async def due_receivers(self, at: datetime, *, limit: int) -> list[str]:
        """See the port."""
        statement = (
            select(deliveries.c.receiver)
            .where(_PENDING, deliveries.c.next_at <= at)
            .group_by(deliveries.c.receiver)
            .order_by(func.min(deliveries.c.next_at))
            .limit(page_bounds(limit, 0)[0])
        )
        return [row["receiver"] for row in await many(self._connection, statement)]

    async def lock_receiver(self, receiver: str) -> None:
        """See the port."""
        await self._lock(f"webhook receiver {receiver}")

    async def settle(self, delivery: Delivery, attempt: Attempt) -> None:
        """See the port."""
        changed = ("state", "attempts", "next_at", "last_status", "words", "finished_at")
        values = {name: value for name, value in columns_of(delivery).items() if name in changed}
        statement = update(deliveries).where(deliveries.c.id == delivery.id, _PENDING).values(values)
        # An endpoint may be removed while its message is on its way: then there is nothing to write.
        if await first(self._connection, statement.returning(deliveries.c.id)) is not None:
            await self._connection.execute(insert(attempts).values(columns_of(attempt)))

    async def rest(self, receiver: str, until: datetime) -> None:
        """See the port."""
        soon = and_(deliveries.c.receiver == receiver, _PENDING, deliveries.c.next_at < until)
        await self._connection.execute(update(deliveries).where(soon).values(next_at=until))

    async def give_up(self, user_id: UUID, *, words: str, at: datetime, endpoint_id: UUID | None, url: str) -> None:
        """See the port."""
        there = deliveries.c.endpoint_id == endpoint_id
        if endpoint_id is None:
            there = and_(deliveries.c.endpoint_id.is_(None), deliveries.c.url == url)
        values = {"state": str(DeliveryState.FAILED), "words": words, "finished_at": at}
        await self._connection.execute(
            update(deliveries).where(deliveries.c.user_id == user_id, there, _PENDING).values(values)
        )

    async def attempts(self, delivery_id: UUID, *, limit: int = 100) -> list[Attempt]:
        """See the port."""
        statement = select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id).limit(limit)
        names = [field.name for field in fields(Attempt)]
        return [Attempt(**{name: row[name] for name in names}) for row in await many(self._connection, statement)]

    async def job_state(self, job_id: UUID) -> DeliveryState | None:
        """See the port."""
        statement = (
            select(deliveries.c.state)
            .join(events, events.c.id == deliveries.c.event_id)
            .where(events.c.job_id == job_id, deliveries.c.endpoint_id.is_(None))
            .where(events.c.type != str(EventType.JOB_PROGRESS))
            .order_by(deliveries.c.created_at.desc())
            .limit(1)
        )
        row = await first(self._connection, statement)
        return DeliveryState(row["state"]) if row else None

    async def prune(self, before: datetime, *, limit: int) -> int:
        """See the port."""
        at_work = exists().where(deliveries.c.event_id == events.c.id, _PENDING)
        old = select(events.c.id).where(events.c.created_at < before, ~at_work).limit(limit)
        result = await self._connection.execute(delete(events).where(events.c.id.in_(old)))
        return result.rowcount

    async def _lock(self, name: str) -> None:
        await self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    async def _with_its_needs(self, delivery: Delivery, at: datetime) -> DueDelivery:
        endpoint = None
        if delivery.endpoint_id is not None:
            endpoint = await self.endpoint(delivery.endpoint_id, user_id=delivery.user_id)
        keys = await self.secrets(delivery.user_id, delivery.endpoint_id, at)
        return DueDelivery(delivery, await self.event(delivery.event_id), endpoint, tuple(keys))


def _secrets_of(user_id: UUID, endpoint_id: UUID | None) -> ColumnElement[bool]:
    owned = secrets.c.endpoint_id.is_(None) if endpoint_id is None else secrets.c.endpoint_id == endpoint_id
    return and_(secrets.c.user_id == user_id, owned)


def _valid(at: datetime) -> ColumnElement[bool]:
    return or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > at)


def _endpoint_columns(endpoint: Endpoint) -> dict[str, Any]:
    return columns_of(endpoint) | {"events": [str(kind) for kind in endpoint.events]}


def _endpoint(row: RowMapping) -> Endpoint:
    return Endpoint(**{**row, "events": tuple(EventType(word) for word in row["events"])})


def _event(row: RowMapping) -> WebhookEvent:
    return WebhookEvent(**{**row, "type": EventType(row["type"])})


def _delivery(row: RowMapping) -> Delivery:
    names = [field.name for field in fields(Delivery)]
    return Delivery(**{**{name: row[name] for name in names}, "state": DeliveryState(row["state"])})
