"""Noticing within a response that its client has gone or does not read any more."""

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Self

from sluicegate.core.errors import SluicegateError
from sluicegate.web.asgi import Receive

__all__ = ["STALL_SECONDS", "ClientGone", "ClientWatch"]

STALL_SECONDS: Final = 600.0
"""A response that makes no progress for this long is given up. A paused player comes back with a range request."""

_BREATHE_BYTES: Final = 1024 * 1024


class ClientGone(Exception):
    """Nobody is there to send to: not an error of ours, only the end of the work."""


class ClientWatch:
    """A block that ends with ``ClientGone`` as soon as the client disconnects, whatever the block waits for.

    ASGI servers tell a disconnect to whoever calls ``receive`` and say nothing in ``send``: an application that only
    sends would read its source to the end for nobody. Leaving the block stops the watching.
    """

    def __init__(self, receive: Receive, stall_seconds: float) -> None:
        self._receive = receive
        self._stall_seconds = stall_seconds
        self._gone = False
        self._unseen = 0

    async def __aenter__(self) -> Self:
        self._timeout = asyncio.timeout(self._stall_seconds)
        await self._timeout.__aenter__()
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise ClientGone from None
        finally:
            await asyncio.wait([self._watcher])
            if not self._watcher.cancelled():
                self._watcher.exception()  # a server's ``receive`` that breaks leaves the stall time as the limit

    async def moved(self, count: int) -> None:
        """Says that ``count`` bytes have been sent: the time for a stall starts anew.

        Now and then it lets the loop run: with a source that never has to wait, and a server that never pauses because
        its client is gone, nothing else would, and the disconnect would never be seen.
        """
        self._unseen += count
        if self._unseen < _BREATHE_BYTES:
            return
        self._unseen = 0
        await asyncio.sleep(0)
        self.progress()

    def progress(self) -> None:
        """Starts the time for a stall anew."""
        if not self._gone:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._stall_seconds)

    async def _watch(self) -> None:
        # A request body, if there is one, is of no interest and dropped as it comes; one that breaks our bounds
        # (``web.limits``) ends the response as a disconnect does.
        with contextlib.suppress(SluicegateError):  # see above
            while (await self._receive())["type"] != "http.disconnect":
                pass
        self._gone = True
        self._timeout.reschedule(asyncio.get_running_loop().time())
