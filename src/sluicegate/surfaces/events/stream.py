"""One open change stream: events, heartbeats, and an end."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import Final
from uuid import UUID

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from sluicegate.core.errors import AccessDenied, RateLimited, SluicegateError
from sluicegate.core.ports import Change, Changes
from sluicegate.surfaces.events.schemas import GREETING, HEARTBEAT, event_bytes
from sluicegate.web.client_watch import ClientGone, ClientWatch

__all__ = ["ChangeStream", "Seats", "Timing", "Watch"]

Watch = Callable[[Callable[[], None]], Callable[[], None]]
"""Has something called whenever keys may have been revoked; returns what ends that (``web.auth.RecentKeys.watch``)."""

_log: Final = logging.getLogger(__name__)
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Timing:
    """Seconds of a stream's life.

    Attributes:
        heartbeat: a quiet stream says something this often, and the caller's key is checked again.
        stall: a client that takes nothing for this long is cut off.
        life: the stream ends after this long; clients come back by themselves.
    """

    def __init__(self, *, heartbeat: float = 15.0, stall: float = 60.0, life: float = 3600.0) -> None:
        self.heartbeat = heartbeat
        self.stall = stall
        self.life = life


class Seats:
    """Bounds the open streams, of one user and of all."""

    def __init__(self, *, per_user: int = 16, total: int = 2000) -> None:
        self._per_user = per_user
        self._total = total
        self._taken: Counter[UUID] = Counter()

    @contextlib.contextmanager
    def take(self, user_id: UUID) -> Iterator[None]:
        """Holds one seat.

        Raises:
            RateLimited: there is none left.
        """
        if self._taken[user_id] >= self._per_user or self._taken.total() >= self._total:
            raise RateLimited("Too many event streams are open.", action="Close one of them.", retry_after=10)
        self._taken[user_id] += 1
        try:
            yield
        finally:
            self._taken[user_id] -= 1
            self._taken += Counter()  # drops users without streams


class ChangeStream(ASGIResponse):
    """Sends one user's changes until the client goes, the key is revoked, or its time is over.

    Args:
        changes: the installation's feed.
        user_id: whose changes.
        check_key: raises AccessDenied once the caller's key is no longer valid.
    """

    def __init__(
        self,
        changes: Changes,
        user_id: UUID,
        *,
        seats: Seats,
        check_key: Callable[[], Awaitable[object]],
        timing: Timing,
        watch: Watch | None = None,
    ) -> None:
        super().__init__()
        self._changes = changes
        self._user_id = user_id
        self._seats = seats
        self._check_key = check_key
        self._timing = timing
        self._watch = watch
        self._suspect = False
        self._waiting: asyncio.Timeout | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes a seat, follows, and sends.

        Raises:
            RateLimited: all seats are taken.
            InternalError: the feed cannot be followed.
        """
        del scope
        with self._seats.take(self._user_id), contextlib.ExitStack() as watched:
            if self._watch is not None:
                watched.callback(self._watch(self._ask_again))
            async with self._changes.follow(self._user_id) as feed:
                with contextlib.suppress(ClientGone, TimeoutError):  # both are an end
                    await self._send(feed, receive, send)

    def _ask_again(self) -> None:
        """Some key was revoked, perhaps this one: the wait for the next event ends now."""
        self._suspect = True
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def _send(self, feed: AsyncIterator[Change], receive: Receive, send: Send) -> None:
        longest = self._timing.life + self._timing.stall
        async with ClientWatch(receive, longest), contextlib.aclosing(self._pieces(feed)) as pieces:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async for piece in pieces:
                async with asyncio.timeout(self._timing.stall):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self, feed: AsyncIterator[Change]) -> AsyncGenerator[bytes, None]:
        """Events as they come, heartbeats in between; nothing more once the key is revoked."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._timing.life
        check_at = clock() + self._timing.heartbeat
        yield GREETING
        while clock() < end:
            piece = await self._next(feed, clock() if self._suspect else check_at)
            if self._suspect or clock() >= check_at:
                self._suspect = False
                check_at = clock() + self._timing.heartbeat
                if not await self._still_allowed():
                    return
            yield piece

    async def _next(self, feed: AsyncIterator[Change], until: float) -> bytes:
        """The next event, or a heartbeat when none comes in time."""
        try:
            async with asyncio.timeout_at(until) as self._waiting:
                return event_bytes(await anext(feed))
        except TimeoutError:
            return HEARTBEAT
        finally:
            self._waiting = None

    async def _still_allowed(self) -> bool:
        try:
            await self._check_key()
        except AccessDenied:
            return False
        except SluicegateError as error:
            # The database being away for a moment says nothing about the key.
            _log.warning("A key could not be checked again: %s", error.code)
        return True
