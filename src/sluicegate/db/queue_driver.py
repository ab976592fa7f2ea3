"""PgQueuer's connection: when it is lost, the statement waits for the next one, so that a worker outlives its database.

Repeating a statement whose answer was lost is safe here. A claim that nobody learned of goes stale and is claimed
again; ending a task twice ends it once; putting it back twice at worst lets it run twice, as every task may.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Self

import asyncpg
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import Driver, NotifyCallback

from sluicegate.core.errors import InternalError
from sluicegate.db.connector import Connector
from sluicegate.db.listener import Listener
from sluicegate.db.queue_schema import TASK_CHANNEL, settings

__all__ = ["QueueDriver"]

_log: Final = logging.getLogger(__name__)
_PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
_REPEATED: Final = (
    InternalError,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
)
_WAKE_MARGIN: Final = 0.05


class QueueDriver(Driver):
    """Implements PgQueuer's ``Driver`` on one connection of its own, with notices from the process's ``Listener``."""

    def __init__(self, connector: Connector, listener: Listener) -> None:
        self._connector = connector
        self._listener = listener
        self._connection: asyncpg.Connection | None = None
        self._busy = asyncio.Lock()
        self._callbacks: list[tuple[str, NotifyCallback]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._giving_up = False
        self._shutdown = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Rows of ``query``."""
        return [dict(row) for row in await self._run(lambda connection: connection.fetch(query, *args))]

    async def execute(self, query: str, *args: object) -> str:
        """Runs ``query``; its command tag."""
        return str(await self._run(lambda connection: connection.execute(query, *args)))

    async def notify(self, channel: str, payload: str) -> None:
        """Sends a notice."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Passes the notices of ``channel`` on to ``callback``."""
        self._callbacks.append((channel, callback))
        await self._listener.listen(channel, callback)

    def wake_after(self, seconds: float) -> None:
        """Makes the worker look at the queue then: putting a task back sends no notice."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds + _WAKE_MARGIN, self._wake)
        self._timers.add(timer)
        loop.call_later(seconds + 2 * _WAKE_MARGIN, self._timers.discard, timer)

    def give_up(self) -> None:
        """From now on a lost connection is an error: the worker is leaving and must not wait for the database."""
        self._giving_up = True

    async def close(self) -> None:
        """Ends the connection."""
        for timer in self._timers:
            timer.cancel()
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel, callback in self._callbacks:
            self._listener.forget(channel, callback)
        self._callbacks.clear()

    @property
    def shutdown(self) -> asyncio.Event:
        """Part of PgQueuer's protocol; unused by the worker."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """Part of PgQueuer's protocol; this driver has no tasks of its own."""
        return TaskManager()

    async def _run(self, use: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - asyncpg is untyped
        failures = 0
        while True:
            try:
                async with self._busy:
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await self._connector.connect()
                    return await use(self._connection)
            except _REPEATED as error:
                if self._giving_up:
                    raise
                _log.warning("the task queue waits for the database: %s", type(error).__name__)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1

    def _wake(self) -> None:
        notice = (
            f'{{"channel":"{TASK_CHANNEL}","operation":"update","sent_at":"{datetime.now(UTC).isoformat()}",'
            f'"table":"{settings().queue_table}","type":"table_changed_event"}}'
        )
        for channel, callback in self._callbacks:
            if channel == TASK_CHANNEL:
                callback(notice)
