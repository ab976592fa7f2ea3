"""Webhooks: who is told about events, what was told, and how a message proves where it comes from.

Messages follow the Standard Webhooks specification 1.0: the headers ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature``, the last an HMAC-SHA256 over ``id.timestamp.body``, once per valid secret.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from sluicegate.core.errors import InvalidInput
from sluicegate.core.secrets import Secret

__all__ = [
    "Attempt",
    "Delivery",
    "DeliveryState",
    "DueDelivery",
    "Endpoint",
    "EventType",
    "Reply",
    "SigningSecret",
    "WebhookEvent",
    "WebhookRepository",
    "WebhookSender",
    "message_id",
    "mint_signing_secret",
    "read_event_types",
    "receiver_of",
    "signed_headers",
]

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_RECEIVER_BYTES: Final = 16


class EventType(StrEnum):
    """What is told. The first four and ``batch_completed`` are the contract's; the others are our additions."""

    JOB_COMPLETED = "job_completed"
    JOB_FAILED = "job_failed"
    JOB_SKIPPED = "job_skipped"
    JOB_PROGRESS = "job_progress"
    BATCH_COMPLETED = "batch_completed"
    JOB_WARNING = "job_warning"
    WEBHOOK_TEST = "webhook_test"


class DeliveryState(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up: the schedule is over, the receiver said 410, or its endpoint was switched off."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiver that a user has registered.

    Attributes:
        events: types it is told; empty for all but progress.
        active: False when switched off, by the user or by us.
        reason: why we switched it off.
        failing_since: first failure since the last success.
    """

    id: UUID
    user_id: UUID
    url: str = field(repr=False)
    events: tuple[EventType, ...]
    description: str
    created_at: datetime
    active: bool = True
    reason: str = ""
    failing_since: datetime | None = None

    def wants(self, kind: EventType) -> bool:
        """Whether it is told about events of this type. Progress comes often, so it must be asked for by name."""
        if kind is EventType.WEBHOOK_TEST:
            return True
        return kind in self.events if self.events else kind is not EventType.JOB_PROGRESS


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A signing secret as we keep it; after a rotation two are valid for a while.

    Attributes:
        endpoint_id: None for the user's own secret, which signs what goes to a job's ``webhook_url``.
        sealed: the secret, for the vault.
    """

    id: UUID
    user_id: UUID
    endpoint_id: UUID | None
    sealed: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Something that happened, as it is told; the payload is written once and never changes.

    Attributes:
        job_id: the job or batch it is about.
        payload: JSON text, below 20 kB.
    """

    id: UUID
    user_id: UUID
    type: EventType
    job_id: UUID | None
    payload: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one receiver.

    Attributes:
        receiver: see ``receiver_of``.
        attempts: how often it was tried.
        next_at: when it is tried next.
        last_status: HTTP status of the last answer, None when there was none.
        words: what came of the last attempt, for people.
        replay_of: the delivery that a person had sent again.
    """

    id: UUID
    event_id: UUID
    user_id: UUID
    endpoint_id: UUID | None
    url: str = field(repr=False)
    receiver: str
    state: DeliveryState
    created_at: datetime
    next_at: datetime
    attempts: int = 0
    last_status: int | None = None
    words: str = ""
    finished_at: datetime | None = None
    replay_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery with all that sending it needs."""

    delivery: Delivery
    event: WebhookEvent
    endpoint: Endpoint | None
    secrets: tuple[SigningSecret, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try; ``status`` is None when no answer came."""

    delivery_id: UUID
    at: datetime
    status: int | None
    words: str
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered; its body is of no interest.

    Attributes:
        retry_after: seconds, from the header.
    """

    status: int
    retry_after: float | None = None


class WebhookSender(Protocol):
    """Posts a message through the egress guard, without following redirects."""

    async def post(self, url: str, *, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Raises UpstreamError or ForbiddenAddress when no answer comes within 30 seconds."""
        ...


class WebhookRepository(Protocol):
    """Endpoints, signing secrets, events and deliveries."""

    async def add_endpoint(self, endpoint: Endpoint) -> None:
        """Keeps a new endpoint."""
        ...

    async def endpoint(self, endpoint_id: UUID, *, user_id: UUID, lock: bool = False) -> Endpoint:
        """Raises NotFound, also for a foreign one."""
        ...

    async def endpoints(self, user_id: UUID, *, limit: int, offset: int) -> list[Endpoint]:
        """Oldest first."""
        ...

    async def update_endpoint(self, endpoint: Endpoint) -> None:
        """Writes everything but owner and time of creation."""
        ...

    async def remove_endpoint(self, endpoint_id: UUID) -> None:
        """Removes it with its secrets and deliveries."""
        ...

    async def add_secret(self, secret: SigningSecret) -> None:
        """Keeps a further secret."""
        ...

    async def secrets(self, user_id: UUID, endpoint_id: UUID | None, at: datetime) -> list[SigningSecret]:
        """Those valid at this time; the one that replaced the others first."""
        ...

    async def expire_secrets(self, user_id: UUID, endpoint_id: UUID | None, at: datetime) -> None:
        """Lets all of them end at this time, unless they end before."""
        ...

    async def lock_secrets(self, user_id: UUID, endpoint_id: UUID | None) -> None:
        """Waits until nobody else makes secrets for this owner, and keeps others away until the end of the unit."""
        ...

    async def add_event(self, event: WebhookEvent, deliveries: Sequence[Delivery]) -> None:
        """Keeps an event together with its deliveries."""
        ...

    async def event(self, event_id: UUID) -> WebhookEvent:
        """Raises NotFound."""
        ...

    async def add_delivery(self, delivery: Delivery) -> None:
        """Keeps a further delivery of a kept event."""
        ...

    async def delivery(self, delivery_id: UUID, *, user_id: UUID, lock: bool = False) -> Delivery:
        """Raises NotFound, also for a foreign one."""
        ...

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
        """Newest first, each with its event's type and job."""
        ...

    async def due(self, receiver: str, at: datetime, *, limit: int) -> list[DueDelivery]:
        """Pending ones of a receiver whose time has come, oldest first."""
        ...

    async def due_receivers(self, at: datetime, *, limit: int) -> list[str]:
        """Receivers with anything due."""
        ...

    async def lock_receiver(self, receiver: str) -> None:
        """Keeps other attempts to this receiver from being written until the end of the unit."""
        ...

    async def settle(self, delivery: Delivery, attempt: Attempt) -> None:
        """Writes an attempt and where the delivery is after it; a delivery that is gone stays gone."""
        ...

    async def rest(self, receiver: str, until: datetime) -> None:
        """Lets what is due earlier for a receiver wait until then."""
        ...

    async def give_up(self, user_id: UUID, *, words: str, at: datetime, endpoint_id: UUID | None, url: str) -> None:
        """Ends the pending deliveries to an endpoint, or without one to a URL."""
        ...

    async def attempts(self, delivery_id: UUID, *, limit: int = 100) -> list[Attempt]:
        """Oldest first."""
        ...

    async def job_state(self, job_id: UUID) -> DeliveryState | None:
        """Where the last message to the ``webhook_url`` of a job is, progress left out; None when there was none."""
        ...

    async def prune(self, before: datetime, *, limit: int) -> int:
        """Forgets events older than this whose deliveries are over; how many."""
        ...


def message_id(event_id: UUID) -> str:
    """The ``webhook-id`` of an event: the same for every attempt, receiver and replay."""
    return f"msg_{event_id.hex}"


def mint_signing_secret() -> Secret:
    """A new secret, ``whsec_`` and 32 random bytes in base64."""
    return Secret(_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode())


def signed_headers(event: WebhookEvent, keys: Iterable[Secret], at: datetime) -> list[tuple[str, str]]:
    """The headers of one attempt, signed with each of ``keys``; ``at`` is when it is made."""
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id(event.id)}.{timestamp}.{event.payload}".encode()
    signatures = [base64.b64encode(hmac.digest(_raw(key), signed, "sha256")).decode() for key in keys]
    return [
        ("content-type", "application/json"),
        ("webhook-id", message_id(event.id)),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", " ".join(f"v1,{signature}" for signature in signatures)),
    ]


def receiver_of(user_id: UUID, url: str) -> str:
    """What is delivered one after the other: all messages of one user to one origin. Never longer than 32 characters.

    A receiver that hangs thereby delays itself and nobody else.
    """
    parts = urlsplit(url)
    digest = hashlib.blake2b(f"{user_id}|{parts.scheme}|{parts.netloc}".encode(), digest_size=_RECEIVER_BYTES)
    return digest.hexdigest()


def read_event_types(words: Sequence[str]) -> tuple[EventType, ...]:
    """The filter of an endpoint.

    Raises:
        InvalidInput: one of the words is no type of event.
    """
    try:
        return tuple(sorted({EventType(word) for word in words}))
    except ValueError as error:
        names = ", ".join(kind for kind in EventType if kind is not EventType.WEBHOOK_TEST)
        raise InvalidInput(f"'events' takes only these types: {names}.", field="events") from error


def _raw(key: Secret) -> bytes:
    return base64.b64decode(key.reveal().removeprefix(_PREFIX))
