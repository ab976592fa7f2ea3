"""Direct links, kept until shortly before they expire and made once however many players ask at the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.links import Link
from sluicegate.core.ports import Clock

__all__ = ["LinkCache", "LinkKey"]

_ENTRIES_MAX: Final = 4096
_UNTOLD_LIFETIME: Final = timedelta(minutes=15)
_MARGIN: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class LinkKey:
    """Whose link to what; an address is part of it only where the provider binds links to addresses.

    The user is part of it although the account is: the operator's pool serves several, and they share facts, not links.
    """

    user_id: UUID
    account_id: UUID
    locator: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class _Cached:
    link: Link
    made_at: datetime

    def good(self, now: datetime, lasting: timedelta) -> bool:
        expires_at = self.link.expires_at
        if expires_at is None:
            return now < self.made_at + _UNTOLD_LIFETIME - _MARGIN
        if now - self.made_at < _MARGIN:
            return now < expires_at
        return now + max(lasting, _MARGIN) < expires_at


class LinkCache:
    """In memory, per process, bounded; never shared between users or accounts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._links: OrderedDict[LinkKey, _Cached] = OrderedDict()
        self._flights: dict[LinkKey, asyncio.Task[Link]] = {}

    async def get(self, key: LinkKey, make: Callable[[], Awaitable[Link]], *, lasting: timedelta = timedelta()) -> Link:
        """The cached link, or one made by ``make``, which runs once for all who wait; its error reaches all of them.

        With ``lasting`` a link that expires sooner is made anew, unless that was just done: some never last as long.
        """
        cached = self._links.get(key)
        if cached is not None and cached.good(self._clock.now(), lasting):
            self._links.move_to_end(key)
            return cached.link
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(key, make))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        # One waiter who leaves must not cancel the call that others wait for.
        return await asyncio.shield(flight)

    def forget(self, key: LinkKey, link: Link) -> None:
        """Drops a link that turned out to be dead, unless it was replaced meanwhile."""
        cached = self._links.get(key)
        if cached is not None and cached.link.url == link.url:
            del self._links[key]

    async def _fly(self, key: LinkKey, make: Callable[[], Awaitable[Link]]) -> Link:
        link = await make()
        self._links[key] = _Cached(link, self._clock.now())
        self._links.move_to_end(key)
        while len(self._links) > _ENTRIES_MAX:
            self._links.popitem(last=False)
        return link

    def _landed(self, key: LinkKey, flight: asyncio.Task[Link]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # marks it as seen: every waiter may have left
