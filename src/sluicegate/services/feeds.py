"""Feeds, the part that people see: adding, changing, listing and removing subscriptions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.entitlements import NO_LIMITS, Entitlements
from sluicegate.core.errors import InvalidInput, QuotaExceeded
from sluicegate.core.expressions import Expression
from sluicegate.core.feeds import INTERVAL_DEFAULT, Feed, Quality, SeenItem, check_interval
from sluicegate.core.names import display_text
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.web_links import parse_link

__all__ = ["FeedChange", "FeedService"]

_NAME_MAX: Final = 200
_FEEDS_MAX: Final = 200
"""Per user; every one of them is a request every few minutes."""


@dataclass(frozen=True, slots=True)
class FeedChange:
    """What to change of a feed; None leaves a field as it is, and an empty ``filter_regex`` removes it."""

    name: str | None = None
    url: str | None = None
    filter_regex: str | None = None
    filter_quality: str | None = None
    interval: int | None = None
    enabled: bool | None = None


class FeedService:
    """A user's feeds; every call is bound to one user.

    Args:
        transactions: the database.
        check_address: raises ForbiddenAddress for a URL that may not be connected to from here.
        clock: the time.
        plans: knows how many feeds a user's plan includes.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        check_address: Callable[[str], Awaitable[None]],
        clock: Clock,
        plans: Entitlements | None = None,
    ) -> None:
        self._transactions = transactions
        self._check_address = check_address
        self._clock = clock
        self._plans = plans

    async def add(self, user_id: UUID, change: FeedChange) -> Feed:
        """Subscribes to a feed; it is read within seconds, and what it lists from before is left alone.

        Raises:
            InvalidInput: a field is wrong; ``field`` names it.
            QuotaExceeded: the user has too many already. PlanRequired: the plan does not include one more.
        """
        if change.name is None or change.url is None:
            raise InvalidInput("'name' and 'url' are needed.", field="name" if change.name is None else "url")
        now = self._clock.now()
        blank = Feed(uuid4(), user_id, "", "", now, now, next_poll_at=now, interval=INTERVAL_DEFAULT)
        feed = await self._changed(blank, change)
        limits = (await self._plans.of(user_id)).limits if self._plans else NO_LIMITS
        async with self._transactions() as tx:
            await tx.keys.lock(user_id)  # two at once would each count themselves alone
            count = await tx.feeds.count(user_id)
            limits.check_feeds(count + 1)
            if count >= _FEEDS_MAX:
                raise QuotaExceeded(f"A user has at most {_FEEDS_MAX} feeds.", action="Remove one first.")
            await tx.feeds.add(feed)
        return feed

    async def update(self, user_id: UUID, feed_id: UUID, change: FeedChange) -> Feed:
        """Changes the given fields. Raises NotFound, also for a foreign feed, and InvalidInput."""
        async with self._transactions() as tx:
            old = await tx.feeds.get(feed_id, user_id=user_id)
        await self._changed(old, change)  # the address is looked up outside of the transaction
        async with self._transactions() as tx:
            current = await tx.feeds.get(feed_id, user_id=user_id, lock=True)
            feed = await self._changed(current, change, address_checked=True)
            await tx.feeds.update(feed)
        return feed

    async def get(self, user_id: UUID, feed_id: UUID) -> Feed:
        """One own feed. Raises NotFound."""
        async with self._transactions() as tx:
            return await tx.feeds.get(feed_id, user_id=user_id)

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Feed]:
        """Own feeds, oldest first."""
        async with self._transactions() as tx:
            return await tx.feeds.page(user_id, limit=limit, offset=offset)

    async def items(self, user_id: UUID, feed_id: UUID, *, limit: int, offset: int) -> list[SeenItem]:
        """What was made of the items of an own feed, newest first. Raises NotFound."""
        async with self._transactions() as tx:
            await tx.feeds.get(feed_id, user_id=user_id)
            return await tx.feeds.seen_page(feed_id, limit=limit, offset=offset)

    async def remove(self, user_id: UUID, feed_id: UUID) -> None:
        """Ends a subscription; the jobs that it made stay. Raises NotFound."""
        async with self._transactions() as tx:
            await tx.feeds.get(feed_id, user_id=user_id, lock=True)
            await tx.feeds.remove(feed_id)

    async def _changed(self, feed: Feed, change: FeedChange, *, address_checked: bool = False) -> Feed:
        now = self._clock.now()
        new = replace(feed, updated_at=now)
        if change.name is not None:
            new = replace(new, name=_name(change.name))
        if change.filter_regex is not None:
            if change.filter_regex:
                Expression(change.filter_regex, field="filter_regex")
            new = replace(new, filter_regex=change.filter_regex)
        if change.filter_quality is not None:
            new = replace(new, filter_quality=_quality(change.filter_quality))
        if change.interval is not None:
            due = (feed.last_polled_at or now).timestamp() + check_interval(change.interval)
            soon = min(new.next_poll_at.timestamp(), max(due, now.timestamp()))
            new = replace(new, interval=change.interval, next_poll_at=now.fromtimestamp(soon, now.tzinfo))
        if change.enabled is not None:
            new = replace(new, enabled=change.enabled)
        if change.url is not None and (url := _url(change.url)) != feed.url:
            if not address_checked:
                await self._check_address(url)
            # Another feed: what it lists now is its backlog, and the old validators mean nothing there.
            fresh = replace(new, url=url, etag="", last_modified="", primed_at=None, next_poll_at=now)
            new = replace(fresh, failures=0, last_error="")
        return new


def _name(text: str) -> str:
    name = display_text(text, _NAME_MAX + 1).strip()
    if not name or len(name) > _NAME_MAX:
        raise InvalidInput(f"name: 1 to {_NAME_MAX} characters are needed.", field="name")
    return name


def _url(text: str) -> str:
    try:
        return parse_link(text).url
    except InvalidInput as error:
        raise InvalidInput(f"url: {error.detail}", field="url") from None


def _quality(text: str) -> Quality:
    try:
        return Quality(text)
    except ValueError:
        raise InvalidInput("filter_quality: '1080p', '4k' or 'any'.", field="filter_quality") from None
