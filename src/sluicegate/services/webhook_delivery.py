"""Delivering webhooks: one receiver at a time, signed at each attempt, tried again over days, given up with a reason.

The schedule is the one that the Standard Webhooks specification suggests. A message may arrive twice, always under the
same ``webhook-id``: what a crash leaves undecided is sent again. There is no order; receivers go by id and timestamp.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import InvalidInput, NotFound, UpstreamError
from sluicegate.core.ports import Clock, Task, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret
from sluicegate.core.webhooks import (
    Attempt,
    Delivery,
    DeliveryState,
    DueDelivery,
    Endpoint,
    EventType,
    Reply,
    SigningSecret,
    WebhookSender,
    signed_headers,
)
from sluicegate.services.task_kinds import WEBHOOK

__all__ = ["SCHEDULE", "WebhookDelivery", "open_secret"]

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
SCHEDULE: Final = (5.0, 5 * _MINUTE, 30 * _MINUTE, *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24)))
"""Seconds between the attempts: ten in about three days."""
_PROGRESS_SCHEDULE: Final = (5.0, 30.0)
"""Progress that is minutes old is of no use."""
_JITTER: Final = 0.1
_WAIT_MAX: Final = 24 * _HOUR
_AT_ONCE: Final = 4
_TURN_SECONDS: Final = 60.0
_REST: Final = timedelta(seconds=10)
"""How long a receiver is left alone after it could not be reached at all."""
_RECEIVERS: Final = 500
_FAILING_MAX: Final = timedelta(days=5)
_GONE: Final = 410
_UNREACHABLE: Final = "No answer: the receiver could not be reached, or did not answer within 30 seconds."
"""One sentence for closed, filtered and forbidden addresses, so that nobody maps a network with webhooks."""


class WebhookDelivery:
    """Sends what is due.

    Args:
        transactions: units of work.
        vault: opens the signing secrets.
        sender: posts the messages.
        make_secret: the secret of a user, or of an endpoint, that has none yet: nothing leaves unsigned.
        clock: time.
        jitter: 0.0 to 1.0, so that what failed together is not tried together.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        vault: Vault,
        sender: WebhookSender,
        make_secret: Callable[[UUID, UUID | None], Awaitable[Secret]],
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._transactions = transactions
        self._vault = vault
        self._sender = sender
        self._make_secret = make_secret
        self._clock = clock
        self._jitter = jitter

    async def run(self, receiver: str) -> float | None:
        """Sends everything that is due for one receiver, a few at a time.

        Returns:
            None when nothing is due any more, or seconds after which to go on: others get their turn.
        """
        started = self._clock.monotonic()
        while due := await self._due(receiver):
            reached = await asyncio.gather(*(self._deliver(one) for one in due))
            if not any(reached):
                async with self._transactions() as tx:
                    await tx.webhooks.rest(receiver, self._clock.now() + _REST)
                return None
            if self._clock.monotonic() - started > _TURN_SECONDS:
                return 0.0
        return None

    async def sweep(self) -> int:
        """Wakes the receivers whose next attempt is due; returns how many."""
        async with self._transactions() as tx:
            receivers = await tx.webhooks.due_receivers(self._clock.now(), limit=_RECEIVERS)
            for receiver in receivers:
                await tx.tasks.add(Task(WEBHOOK, receiver, again=False))
        return len(receivers)

    async def _due(self, receiver: str) -> list[DueDelivery]:
        async with self._transactions() as tx:
            return await tx.webhooks.due(receiver, self._clock.now(), limit=_AT_ONCE)

    async def _deliver(self, due: DueDelivery) -> bool:
        """Makes one attempt; False when the receiver could not be reached."""
        if due.endpoint is not None and not due.endpoint.active:
            await self._give_up(due.delivery, due.endpoint.reason or "The endpoint is switched off.")
            return True
        began, started = self._clock.now(), self._clock.monotonic()
        reply = await self._send(due, began)
        crash_point(CrashPoint.TOLD)
        latency = round((self._clock.monotonic() - started) * 1000)
        await self._record(due, reply, Attempt(due.delivery.id, began, *_outcome(reply), latency))
        return reply is not None

    async def _send(self, due: DueDelivery, at: datetime) -> Reply | None:
        keys = [open_secret(self._vault, secret) for secret in due.secrets]
        keys = keys or [await self._make_secret(due.delivery.user_id, due.delivery.endpoint_id)]
        try:
            return await self._sender.post(
                due.delivery.url, headers=signed_headers(due.event, keys, at), body=due.event.payload.encode()
            )
        except (UpstreamError, InvalidInput):
            return None

    async def _record(self, due: DueDelivery, reply: Reply | None, attempt: Attempt) -> None:
        delivery = replace(
            due.delivery, attempts=due.delivery.attempts + 1, last_status=attempt.status, words=attempt.words
        )
        now = self._clock.now()
        if reply is not None and 200 <= reply.status < 300:
            delivery = replace(delivery, state=DeliveryState.DELIVERED, finished_at=now)
        else:
            pause = self._pause(delivery, due.event.type, reply)
            state = DeliveryState.FAILED if pause is None else DeliveryState.PENDING
            next_at = now + timedelta(seconds=pause or 0.0)
            delivery = replace(delivery, state=state, next_at=next_at, finished_at=now if pause is None else None)
        async with self._transactions() as tx:
            # What one attempt means for the others changes their rows: one at a time, or two would wait for each other.
            await tx.webhooks.lock_receiver(delivery.receiver)
            await tx.webhooks.settle(delivery, attempt)
            await self._judge(tx, delivery, reply, now)

    def _pause(self, delivery: Delivery, kind: EventType, reply: Reply | None) -> float | None:
        """Seconds until the next attempt, None to give up. A receiver that asks for a longer pause gets it."""
        schedule = _PROGRESS_SCHEDULE if kind is EventType.JOB_PROGRESS else SCHEDULE
        if delivery.attempts > len(schedule) or (reply is not None and reply.status == _GONE):
            return None
        own = schedule[delivery.attempts - 1] * (1 + _JITTER * self._jitter())
        asked = reply.retry_after if reply is not None else None
        return min(max(own, asked or 0.0), _WAIT_MAX)

    async def _judge(self, tx: UnitOfWork, delivery: Delivery, reply: Reply | None, now: datetime) -> None:
        """What an attempt means for the others to the same receiver."""
        gone = reply is not None and reply.status == _GONE
        if gone:
            words = "The receiver answered 410: it wants no more messages."
            await tx.webhooks.give_up(
                delivery.user_id, words=words, at=now, endpoint_id=delivery.endpoint_id, url=delivery.url
            )
        if delivery.endpoint_id is None:
            return
        try:
            endpoint = await tx.webhooks.endpoint(delivery.endpoint_id, user_id=delivery.user_id, lock=True)
        except NotFound:
            return
        after = _after(endpoint, delivery, now, gone=gone)
        if after != endpoint:
            await tx.webhooks.update_endpoint(after)

    async def _give_up(self, delivery: Delivery, words: str) -> None:
        async with self._transactions() as tx:
            await tx.webhooks.give_up(
                delivery.user_id,
                words=words,
                at=self._clock.now(),
                endpoint_id=delivery.endpoint_id,
                url=delivery.url,
            )


def open_secret(vault: Vault, secret: SigningSecret) -> Secret:
    """The signing secret itself."""
    return vault.open(secret.sealed, owner=str(secret.user_id), kind="webhook secret")


def _after(endpoint: Endpoint, delivery: Delivery, now: datetime, *, gone: bool) -> Endpoint:
    """The endpoint after an attempt: healthy, failing for how long, or switched off."""
    if delivery.state is DeliveryState.DELIVERED:
        return replace(endpoint, failing_since=None)
    since = endpoint.failing_since or now
    if gone:
        return replace(endpoint, active=False, failing_since=since, reason="The receiver answered 410 (Gone).")
    if now - since >= _FAILING_MAX:
        words = f"Every message since {since:%Y-%m-%d %H:%M} UTC has failed."
        return replace(endpoint, active=False, failing_since=since, reason=words)
    return replace(endpoint, failing_since=since)


def _outcome(reply: Reply | None) -> tuple[int | None, str]:
    if reply is None:
        return None, _UNREACHABLE
    if 200 <= reply.status < 300:
        return reply.status, "Delivered."
    if 300 <= reply.status < 400:
        return reply.status, "The receiver redirects; redirects are not followed. Register the address it names."
    return reply.status, f"The receiver answered {reply.status}."
