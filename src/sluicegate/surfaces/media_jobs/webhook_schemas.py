"""Wire shapes of the webhooks part of the media jobs API; an addition of ours, so its times are RFC 3339."""

from datetime import datetime
from typing import Any

import msgspec

from sluicegate.core.webhooks import Attempt, Delivery, Endpoint, EventType, WebhookEvent, message_id
from sluicegate.services.webhooks import LoggedDelivery

__all__ = [
    "AttemptBody",
    "ChangeEndpoint",
    "DeliveryBody",
    "DeliveryDetail",
    "DeliveryList",
    "EndpointBody",
    "EndpointList",
    "NewEndpoint",
    "NewEndpointBody",
    "SecretBody",
    "delivery_body",
    "delivery_detail",
    "endpoint_body",
    "new_endpoint_body",
]


class NewEndpoint(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /webhooks``; an empty ``events`` means everything but progress."""

    url: str
    events: list[str] = []
    description: str = ""


class ChangeEndpoint(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /webhooks/{id}``; what is left out stays."""

    url: str | None = None
    events: list[str] | None = None
    description: str | None = None
    active: bool | None = None


class EndpointBody(msgspec.Struct):
    """A receiver; ``reason`` says why it is switched off."""

    id: str
    url: str
    events: list[str]
    description: str
    active: bool
    reason: str
    failing_since: datetime | None
    created_at: datetime


class NewEndpointBody(msgspec.Struct):
    """A receiver that was just registered, with its signing secret."""

    endpoint: EndpointBody
    secret: str


class EndpointList(msgspec.Struct):
    """Answer of ``GET /webhooks``; at most 50."""

    endpoints: list[EndpointBody]


class SecretBody(msgspec.Struct):
    """A signing secret, ``whsec_…``."""

    secret: str


class DeliveryBody(msgspec.Struct):
    """One message on its way to one receiver; ``webhook_id`` is what the receiver sees."""

    id: str
    webhook_id: str
    type: str
    job_id: str | None
    endpoint_id: str | None
    url: str
    state: str
    attempts: int
    last_status: int | None
    words: str
    created_at: datetime
    next_at: datetime | None
    finished_at: datetime | None
    replay_of: str | None


class DeliveryList(msgspec.Struct):
    """One page of the delivery log."""

    deliveries: list[DeliveryBody]
    limit: int
    offset: int


class AttemptBody(msgspec.Struct):
    """One attempt; without an answer ``status`` is null."""

    at: datetime
    status: int | None
    words: str
    latency_ms: int


class DeliveryDetail(msgspec.Struct):
    """A delivery with what it says and how every attempt went."""

    delivery: DeliveryBody
    payload: dict[str, Any]
    attempts: list[AttemptBody]


def endpoint_body(endpoint: Endpoint) -> EndpointBody:
    """A receiver."""
    return EndpointBody(
        id=str(endpoint.id),
        url=endpoint.url,
        events=[str(kind) for kind in endpoint.events],
        description=endpoint.description,
        active=endpoint.active,
        reason=endpoint.reason,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
    )


def new_endpoint_body(endpoint: Endpoint, secret: str) -> NewEndpointBody:
    """A receiver with its secret."""
    return NewEndpointBody(endpoint_body(endpoint), secret)


def delivery_body(logged: LoggedDelivery) -> DeliveryBody:
    """A row of the log."""
    return _delivery(logged.delivery, logged.type, logged.job_id)


def delivery_detail(delivery: Delivery, event: WebhookEvent, attempts: list[Attempt]) -> DeliveryDetail:
    """A delivery whole."""
    tries = [AttemptBody(one.at, one.status, one.words, one.latency_ms) for one in attempts]
    return DeliveryDetail(
        _delivery(delivery, event.type, event.job_id), msgspec.json.decode(event.payload, type=dict[str, Any]), tries
    )


def _delivery(delivery: Delivery, kind: EventType, job_id: object) -> DeliveryBody:
    return DeliveryBody(
        id=str(delivery.id),
        webhook_id=message_id(delivery.event_id),
        type=str(kind),
        job_id=str(job_id) if job_id else None,
        endpoint_id=str(delivery.endpoint_id) if delivery.endpoint_id else None,
        url=delivery.url,
        state=str(delivery.state),
        attempts=delivery.attempts,
        last_status=delivery.last_status,
        words=delivery.words,
        created_at=delivery.created_at,
        next_at=None if delivery.finished_at else delivery.next_at,
        finished_at=delivery.finished_at,
        replay_of=str(delivery.replay_of) if delivery.replay_of else None,
    )
