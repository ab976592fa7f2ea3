"""Delivering webhooks: one task per receiver, woken by new messages and by the schedule of old ones."""

from typing import Final

from sluicegate.core.tasks import Handler
from sluicegate.services.task_kinds import WEBHOOK
from sluicegate.services.webhook_delivery import WebhookDelivery
from sluicegate.services.webhooks import WebhookService

__all__ = ["RECEIVERS_AT_ONCE", "WEBHOOK_PRUNE", "WEBHOOK_SWEEP", "handlers"]

WEBHOOK_SWEEP: Final = "webhook_sweep"
WEBHOOK_PRUNE: Final = "webhook_prune"
RECEIVERS_AT_ONCE: Final = 100
"""Receivers that may keep a worker waiting at the same time; each takes one place, however much there is for it."""


def handlers(delivery: WebhookDelivery, webhooks: WebhookService) -> dict[str, Handler]:
    """Any worker runs these."""

    async def deliver(receiver: str) -> float | None:
        return await delivery.run(receiver)

    async def sweep(subject: str) -> float | None:
        del subject
        await delivery.sweep()
        return None

    async def prune(subject: str) -> float | None:
        del subject
        await webhooks.prune()
        return None

    return {WEBHOOK: deliver, WEBHOOK_SWEEP: sweep, WEBHOOK_PRUNE: prune}
