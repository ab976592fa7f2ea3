"""Extraction children that are started ahead of time: loading the page readers takes longer than most pages.

They wait for their orders with everything loaded, unconfined but idle and without input of strangers; an order confines
them. Each one that is taken is replaced. After a quiet minute they go.
"""

import asyncio
import contextlib
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sluicegate.core.errors import InternalError
from sluicegate.media.child import end_child, start_child

__all__ = ["Spares"]

_IDLE_SECONDS: Final = 60.0


class Spares:
    """Hands out started children of one command; the first ones are started when one is asked for.

    Args:
        command: starts one.
        ahead: how many wait.
    """

    def __init__(self, command: Sequence[str], ahead: int = 1) -> None:
        self._command = command
        self._ahead = ahead
        self._waiting: deque[asyncio.Task[asyncio.subprocess.Process]] = deque()
        self._going: set[asyncio.Task[None]] = set()
        self._clock: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self) -> asyncio.subprocess.Process:
        """A child that has no order yet; its caller ends it. Raises InternalError when none can be started."""
        waiting = self._waiting.popleft() if self._waiting else None
        if not self._closed:
            self._prepare()
        if waiting is not None:
            with contextlib.suppress(InternalError):  # a fresh one is tried below
                process = await waiting
                if process.returncode is None:
                    return process
        return await self._start()

    async def aclose(self) -> None:
        """Ends those that wait; idempotent."""
        self._closed = True
        self._dismiss()
        if self._going:
            await asyncio.wait(self._going)

    def _prepare(self) -> None:
        while len(self._waiting) < self._ahead:
            self._waiting.append(asyncio.create_task(self._start()))
        if self._clock is not None:
            self._clock.cancel()
        self._clock = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._dismiss)

    def _dismiss(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        while self._waiting:
            waiting = self._waiting.popleft()
            going = asyncio.create_task(_end(waiting))
            self._going.add(going)
            going.add_done_callback(self._going.discard)

    async def _start(self) -> asyncio.subprocess.Process:
        return await start_child(self._command, folder=Path(tempfile.gettempdir()))


async def _end(waiting: asyncio.Task[asyncio.subprocess.Process]) -> None:
    with contextlib.suppress(InternalError):  # it never started
        process = await waiting
        if process.stdin is not None:
            process.stdin.close()
        await end_child(process)
