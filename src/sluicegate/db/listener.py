"""The one connection of a process that listens to PostgreSQL's notices; it comes back by itself when it is lost.

Losing it is also how a process learns at once that the embedded server died: connecting again starts it again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import asyncpg

from sluicegate.core.errors import InternalError
from sluicegate.db.connector import Connector
from sluicegate.db.failures import unreachable

__all__ = ["Listener"]

_log: Final = logging.getLogger(__name__)

_PROBE_EVERY: Final = 60.0
"""A network may drop a connection without a word; the socket of the embedded server never does."""
_PROBE_SECONDS: Final = 10.0
_PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
_READY_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 2.0

Callback = Callable[[str], None]
Hook = Callable[[asyncpg.Connection], Awaitable[None]]


class Listener:
    """Routes notices to callbacks. It connects when the first one is registered, so an idle process has no listener."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._callbacks: dict[str, list[Callback]] = defaultdict(list)
        self._hooks: list[Hook] = []
        self._connection: asyncpg.Connection | None = None
        self._busy = asyncio.Lock()
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def listen(self, channel: str, callback: Callback) -> None:
        """Calls ``callback`` with every payload on ``channel`` from now on; registering it twice changes nothing.

        Raises:
            InternalError: the database is not reachable within five seconds.
        """
        if callback not in self._callbacks[channel]:
            self._callbacks[channel].append(callback)
        await self._ready()
        async with self._busy:
            if self._connection is not None:
                await self._connection.add_listener(channel, self._deliver)

    def forget(self, channel: str, callback: Callback) -> None:
        """Stops calling ``callback``."""
        with suppress(ValueError):  # forgetting twice is fine
            self._callbacks[channel].remove(callback)

    async def on_connect(self, hook: Hook) -> None:
        """Runs ``hook`` on this connection now and on every later one, before it is used.

        Raises:
            InternalError: the database is not reachable within five seconds.
        """
        if hook not in self._hooks:
            self._hooks.append(hook)
        await self._ready()
        async with self._busy:
            if self._connection is not None:
                await hook(self._connection)

    async def _ready(self) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep(), name="database-listener")
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._up.wait()
        except TimeoutError:
            raise unreachable() from None

    async def _keep(self) -> None:
        """Holds a connection for as long as the process lives."""
        failures = 0
        while True:
            try:
                await self._hold()
                failures = 0
            except (InternalError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("no connection to listen on: %s", type(error).__name__)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1

    async def _hold(self) -> None:
        """One connection, from its making to its loss."""
        connection = await self._connector.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            for hook in self._hooks:
                await hook(connection)
            for channel in list(self._callbacks):
                await connection.add_listener(channel, self._deliver)
            self._connection = connection
            self._up.set()
            while not await _happens(lost, within=_PROBE_EVERY):
                async with self._busy:
                    await connection.execute("SELECT 1", timeout=_PROBE_SECONDS)
        finally:
            self._up.clear()
            self._connection = None
            await _close(connection)

    def _deliver(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        for callback in list(self._callbacks[channel]):
            callback(payload)


async def _happens(event: asyncio.Event, *, within: float) -> bool:
    with suppress(TimeoutError):  # the answer says so
        async with asyncio.timeout(within):
            await event.wait()
    return event.is_set()


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=_CLOSE_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
