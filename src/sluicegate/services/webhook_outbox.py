"""Publishing events: a message exists exactly when the change it tells of is committed."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from sluicegate.core.ports import Clock, Task, UnitOfWork
from sluicegate.core.webhooks import Delivery, DeliveryState, Endpoint, EventType, WebhookEvent, receiver_of
from sluicegate.services.task_kinds import WEBHOOK
from sluicegate.services.webhook_payloads import payload_text

__all__ = ["ENDPOINTS_MAX", "WebhookOutbox"]

ENDPOINTS_MAX: Final = 50
"""Endpoints that one user may have."""


class WebhookOutbox:
    """Writes events and their deliveries inside the unit of work of whoever changes the job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def publish(
        self,
        tx: UnitOfWork,
        kind: EventType,
        *,
        user_id: UUID,
        job_id: UUID | None,
        body: Mapping[str, Any],
        url: str | None = None,
    ) -> WebhookEvent | None:
        """Tells the user's endpoints that want it, and ``url``, the receiver that the job itself names.

        Returns:
            The event, or None when nobody wants to hear of it; then nothing is written.
        """
        endpoints = await tx.webhooks.endpoints(user_id, limit=ENDPOINTS_MAX, offset=0)
        # A receiver that is both the job's and an endpoint hears it once.
        wanting = [one for one in endpoints if one.active and one.wants(kind) and one.url != url]
        if not wanting and url is None:
            return None
        event = WebhookEvent(uuid4(), user_id, kind, job_id, payload_text(body), self._clock.now())
        deliveries = [self._delivery(event, one.url, one) for one in wanting]
        if url is not None:
            deliveries.append(self._delivery(event, url, None))
        await tx.webhooks.add_event(event, deliveries)
        await self.wake(tx, deliveries)
        return event

    async def send_one(self, tx: UnitOfWork, event: WebhookEvent, endpoint: Endpoint) -> Delivery:
        """A new event for one endpoint alone."""
        delivery = self._delivery(event, endpoint.url, endpoint)
        await tx.webhooks.add_event(event, [delivery])
        await self.wake(tx, [delivery])
        return delivery

    async def wake(self, tx: UnitOfWork, deliveries: list[Delivery]) -> None:
        """Makes sure that somebody delivers these when the unit of work commits."""
        for receiver in sorted({delivery.receiver for delivery in deliveries}):
            await tx.tasks.add(Task(WEBHOOK, receiver))

    def _delivery(self, event: WebhookEvent, url: str, endpoint: Endpoint | None) -> Delivery:
        return Delivery(
            id=uuid4(),
            event_id=event.id,
            user_id=event.user_id,
            endpoint_id=endpoint.id if endpoint else None,
            url=url,
            receiver=receiver_of(event.user_id, url),
            state=DeliveryState.PENDING,
            created_at=event.created_at,
            next_at=event.created_at,
        )
