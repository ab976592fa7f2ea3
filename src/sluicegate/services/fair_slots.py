"""A bounded number of places for heavy work in this process, handed out to users in turn."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

__all__ = ["FairSlots"]


class FairSlots:
    """Like a semaphore, but a free place goes to the next user in the round, not to the longest list."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._lines: dict[UUID, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def hold(self, user_id: UUID) -> AsyncIterator[int]:
        """Holds a place inside the block; yields the milliseconds it had to be waited for."""
        began = time.monotonic()
        await self._take(user_id)
        try:
            yield round((time.monotonic() - began) * 1000)
        finally:
            self._give_back()

    async def _take(self, user_id: UUID) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(user_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()
            raise

    def _give_back(self) -> None:
        """Wakes the first in line of the user whose turn it is; that user goes to the end of the round."""
        while self._lines:
            user_id = next(iter(self._lines))
            line = self._lines.pop(user_id)
            while line and line[0].done():
                line.popleft()
            if not line:
                continue
            turn = line.popleft()
            if line:
                self._lines[user_id] = line
            turn.set_result(None)
            return
        self._free += 1
