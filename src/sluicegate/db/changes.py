"""The change feed: notices of committed changes, handed to whoever follows their user."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self
from uuid import UUID

from sluicegate.core.ports import Change
from sluicegate.db.listener import Listener
from sluicegate.db.notices import CHANNEL, read

__all__ = ["DatabaseChanges"]

_log: Final = logging.getLogger(__name__)
_BUFFER: Final = 256
"""Changes kept for a follower that is slow; the oldest goes first, as the newest tells most."""


class DatabaseChanges:
    """Implements ``core.ports.Changes``. Notices sent while the connection was down are lost: followers also poll."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._feeds: dict[UUID, set[_Feed]] = defaultdict(set)

    @asynccontextmanager
    async def follow(self, user_id: UUID) -> AsyncIterator[AsyncIterator[Change]]:
        """Follows one user's changes; whatever is committed after this block was entered is seen.

        Raises:
            InternalError: the database is not reachable.
        """
        feed = _Feed()
        self._feeds[user_id].add(feed)
        try:
            await self._listener.listen(CHANNEL, self._publish)
            yield feed
        finally:
            self._feeds[user_id].discard(feed)
            if not self._feeds[user_id]:
                del self._feeds[user_id]

    def _publish(self, payload: str) -> None:
        try:
            change = read(payload)
        except (ValueError, TypeError):
            _log.warning("a notice that is not ours was ignored")
            return
        for feed in self._feeds.get(change.user_id, ()):
            feed.put(change)


class _Feed:
    """One follower's buffer, read as an iterator that never ends by itself."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=_BUFFER)
        self._filled = asyncio.Event()

    def put(self, change: Change) -> None:
        self._changes.append(change)
        self._filled.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self._changes:
            self._filled.clear()
            await self._filled.wait()
        return self._changes.popleft()
