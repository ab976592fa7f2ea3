"""Webhooks as their owner sees them: endpoints, signing secrets, the delivery log and sending again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.errors import IllegalMove, InvalidInput, QuotaExceeded
from sluicegate.core.ports import Clock, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret
from sluicegate.core.web_links import parse_link
from sluicegate.core.webhooks import (
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EventType,
    SigningSecret,
    WebhookEvent,
    mint_signing_secret,
    read_event_types,
)
from sluicegate.services.webhook_delivery import open_secret
from sluicegate.services.webhook_outbox import ENDPOINTS_MAX, WebhookOutbox
from sluicegate.services.webhook_payloads import payload_text

__all__ = ["EndpointChange", "LoggedDelivery", "WebhookService"]

_OVERLAP: Final = timedelta(hours=24)
"""How long the old secret signs beside the new one after a rotation."""
_TEXT_MAX: Final = 200
_PRUNE_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What to change of an endpoint; None leaves a part as it is."""

    url: str | None = field(default=None, repr=False)
    events: Sequence[str] | None = None
    description: str | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """A delivery in the log, with its event's type and job."""

    delivery: Delivery
    type: EventType
    job_id: UUID | None


class WebhookService:
    """A user's webhooks; every call is bound to one user.

    Args:
        retention: how long events and their deliveries stay in the log.
    """

    def __init__(
        self, transactions: UnitOfWorkFactory, vault: Vault, outbox: WebhookOutbox, clock: Clock, retention: timedelta
    ) -> None:
        self._transactions = transactions
        self._vault = vault
        self._outbox = outbox
        self._clock = clock
        self._retention = retention

    async def add(
        self, user_id: UUID, url: str, *, events: Sequence[str] = (), description: str = ""
    ) -> tuple[Endpoint, Secret]:
        """Registers a receiver with a signing secret of its own.

        Raises:
            InvalidInput: no http(s) URL, an unknown type of event, or a description that is too long.
            QuotaExceeded: the user has 50 endpoints.
        """
        endpoint = Endpoint(
            uuid4(), user_id, _url(url), read_event_types(events), _text(description), self._clock.now()
        )
        async with self._transactions() as tx:
            await tx.webhooks.lock_secrets(user_id, None)
            if len(await tx.webhooks.endpoints(user_id, limit=ENDPOINTS_MAX, offset=0)) >= ENDPOINTS_MAX:
                raise QuotaExceeded(
                    f"A user has at most {ENDPOINTS_MAX} webhook endpoints.", action="Remove one first."
                )
            await tx.webhooks.add_endpoint(endpoint)
            return endpoint, await self._new_secret(tx, user_id, endpoint.id)

    async def page(self, user_id: UUID, *, limit: int = ENDPOINTS_MAX, offset: int = 0) -> list[Endpoint]:
        """Own endpoints, oldest first."""
        async with self._transactions() as tx:
            return await tx.webhooks.endpoints(user_id, limit=limit, offset=offset)

    async def get(self, user_id: UUID, endpoint_id: UUID) -> Endpoint:
        """One own endpoint. Raises NotFound."""
        async with self._transactions() as tx:
            return await tx.webhooks.endpoint(endpoint_id, user_id=user_id)

    async def change(self, user_id: UUID, endpoint_id: UUID, change: EndpointChange) -> Endpoint:
        """Changes an endpoint; switching it on again clears why it was switched off. Raises NotFound, InvalidInput."""
        async with self._transactions() as tx:
            endpoint = await tx.webhooks.endpoint(endpoint_id, user_id=user_id, lock=True)
            endpoint = replace(
                endpoint,
                url=endpoint.url if change.url is None else _url(change.url),
                events=endpoint.events if change.events is None else read_event_types(change.events),
                description=endpoint.description if change.description is None else _text(change.description),
            )
            if change.active is not None:
                reason = "" if change.active else "Switched off by its owner."
                endpoint = replace(endpoint, active=change.active, reason=reason, failing_since=None)
            await tx.webhooks.update_endpoint(endpoint)
            return endpoint

    async def remove(self, user_id: UUID, endpoint_id: UUID) -> None:
        """Removes an endpoint and its log. Raises NotFound."""
        async with self._transactions() as tx:
            await tx.webhooks.endpoint(endpoint_id, user_id=user_id, lock=True)
            await tx.webhooks.remove_endpoint(endpoint_id)

    async def test(self, user_id: UUID, endpoint_id: UUID) -> Delivery:
        """Sends a test message, also to an endpoint whose filter would leave it out.

        Raises:
            NotFound: no such endpoint. IllegalMove: it is switched off.
        """
        async with self._transactions() as tx:
            endpoint = await tx.webhooks.endpoint(endpoint_id, user_id=user_id)
            if not endpoint.active:
                raise IllegalMove("This endpoint is switched off.", action="Switch it on, then test it.")
            body = {"type": str(EventType.WEBHOOK_TEST), "endpoint_id": str(endpoint.id)}
            event = WebhookEvent(uuid4(), user_id, EventType.WEBHOOK_TEST, None, payload_text(body), self._clock.now())
            return await self._outbox.send_one(tx, event, endpoint)

    async def secret(self, user_id: UUID, endpoint_id: UUID | None = None) -> Secret:
        """The newest signing secret of an endpoint, or of the jobs' ``webhook_url``; made when there is none yet."""
        async with self._transactions() as tx:
            if endpoint_id is not None:
                await tx.webhooks.endpoint(endpoint_id, user_id=user_id)
            await tx.webhooks.lock_secrets(user_id, endpoint_id)
            kept = await tx.webhooks.secrets(user_id, endpoint_id, self._clock.now())
            return open_secret(self._vault, kept[0]) if kept else await self._new_secret(tx, user_id, endpoint_id)

    async def rotate(self, user_id: UUID, endpoint_id: UUID | None = None) -> Secret:
        """A new secret; for a day messages are signed with both, so that the receiver can change over."""
        async with self._transactions() as tx:
            if endpoint_id is not None:
                await tx.webhooks.endpoint(endpoint_id, user_id=user_id)
            await tx.webhooks.lock_secrets(user_id, endpoint_id)
            now = self._clock.now()
            # Only the newest goes on beside the new one: a secret that leaked is out after two rotations.
            for old in (await tx.webhooks.secrets(user_id, endpoint_id, now))[:1]:
                await tx.webhooks.expire_secrets(user_id, endpoint_id, now)
                await tx.webhooks.add_secret(replace(old, id=uuid4(), expires_at=now + _OVERLAP))
            return await self._new_secret(tx, user_id, endpoint_id)

    async def log(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int,
        state: DeliveryState | None = None,
        endpoint_id: UUID | None = None,
        job_id: UUID | None = None,
    ) -> list[LoggedDelivery]:
        """Deliveries, newest first."""
        async with self._transactions() as tx:
            rows = await tx.webhooks.deliveries(
                user_id, limit=limit, offset=offset, state=state, endpoint_id=endpoint_id, job_id=job_id
            )
        return [LoggedDelivery(*row) for row in rows]

    async def show(self, user_id: UUID, delivery_id: UUID) -> tuple[Delivery, WebhookEvent, list[Attempt]]:
        """One delivery, what it says and every attempt. Raises NotFound."""
        async with self._transactions() as tx:
            delivery = await tx.webhooks.delivery(delivery_id, user_id=user_id)
            return delivery, await tx.webhooks.event(delivery.event_id), await tx.webhooks.attempts(delivery_id)

    async def replay(self, user_id: UUID, delivery_id: UUID) -> Delivery:
        """Sends the same message again, under the same ``webhook-id``, as a delivery of its own.

        Raises:
            NotFound: no such delivery. IllegalMove: it is still on its way.
        """
        now = self._clock.now()
        async with self._transactions() as tx:
            old = await tx.webhooks.delivery(delivery_id, user_id=user_id, lock=True)
            if old.state is DeliveryState.PENDING:
                raise IllegalMove("This message is still on its way.", action="Wait until it is delivered or given up.")
            again = replace(
                old,
                id=uuid4(),
                state=DeliveryState.PENDING,
                created_at=now,
                next_at=now,
                attempts=0,
                last_status=None,
                words="",
                finished_at=None,
                replay_of=old.id,
            )
            await tx.webhooks.add_delivery(again)
            await self._outbox.wake(tx, [again])
        return again

    async def job_state(self, job_id: UUID) -> DeliveryState | None:
        """Where the message about a job's end is; the caller has checked whose job it is."""
        async with self._transactions() as tx:
            return await tx.webhooks.job_state(job_id)

    async def prune(self) -> int:
        """Forgets what is older than the retention; how many events."""
        async with self._transactions() as tx:
            return await tx.webhooks.prune(self._clock.now() - self._retention, limit=_PRUNE_PAGE)

    async def _new_secret(self, tx: UnitOfWork, user_id: UUID, endpoint_id: UUID | None) -> Secret:
        secret = mint_signing_secret()
        sealed = self._vault.seal(secret.reveal(), owner=str(user_id), kind="webhook secret")
        await tx.webhooks.add_secret(SigningSecret(uuid4(), user_id, endpoint_id, sealed, self._clock.now()))
        return secret


def _url(text: str) -> str:
    try:
        return parse_link(text).url
    except InvalidInput as error:
        raise InvalidInput(f"'url': {error.detail}", field="url") from error


def _text(text: str) -> str:
    if len(text) > _TEXT_MAX or not text.isprintable():
        raise InvalidInput(f"'description' has at most {_TEXT_MAX} printable characters.", field="description")
    return text
