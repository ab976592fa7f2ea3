"""Applications that are put together when they are first asked for something."""

import asyncio
from collections.abc import Callable

from sluicegate.web.asgi import Application, Receive, Scope, Send

__all__ = ["LateApplication"]


class LateApplication:
    """An ASGI application that its first request makes, in a thread: other requests are answered meanwhile.

    It gets requests only, and never hears of the server's start and end.
    """

    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._made: Application | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if self._made is None:
            async with self._making:
                if self._made is None:
                    self._made = await asyncio.to_thread(self._make)
        await self._made(scope, receive, send)
