"""Polling feeds: a periodic look for those whose time has come, and one task for each of them."""

from uuid import UUID

from sluicegate.core.tasks import Handler
from sluicegate.services.feed_poll import FeedPoller
from sluicegate.services.task_kinds import FEED

__all__ = ["DUE_FEEDS", "handlers"]

DUE_FEEDS = "due_feeds"


def handlers(poller: FeedPoller) -> dict[str, Handler]:
    """``DUE_FEEDS`` runs every so often, by the wiring's schedule; a feed has at most one task."""

    async def look(subject: str) -> float | None:
        del subject
        await poller.enqueue_due()
        return None

    async def poll(subject: str) -> float | None:
        await poller.poll_due(UUID(subject))
        return None

    return {DUE_FEEDS: look, FEED: poll}
