"""The worker: takes tasks from the queue and runs them, through crashes of other workers and of the database.

Nothing is lost when it stops: it takes no new tasks, lets those at work end for a while, and puts the rest back. A
worker that dies is noticed at once by the next one to start (its lock is free), and after ten seconds by the others
(its heartbeat is old).
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

import asyncpg
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.types import Channel, QueueManagerId

from sluicegate.core.tasks import Handlers
from sluicegate.db.connector import Connector
from sluicegate.db.listener import Listener
from sluicegate.db.queue_driver import QueueDriver
from sluicegate.db.queue_schema import TASK_CHANNEL, queries
from sluicegate.db.task_run import Exhausted, TaskRunner
from sluicegate.db.task_steps import TaskSteps, owner_lock_key

__all__ = ["Worker"]

_log: Final = logging.getLogger(__name__)

_HEARTBEAT: Final = timedelta(seconds=10)
_POLL: Final = timedelta(seconds=5)
"""Notices wake the worker; this look at the queue is for what sends none: a dead worker's tasks."""
_LEAST_POLL: Final = timedelta(seconds=0.25)
"""While tasks wait behind a limit, PgQueuer looks this often."""
_BATCH: Final = 10
_AT_ONCE: Final = 640
"""Of all kinds; 500 media jobs may wait for slow hosts while everything else goes on."""
_UNWIND_SECONDS: Final = 10.0
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
_PRUNE: Final = "prune_task_log"
_PRUNE_EVERY: Final = 600.0


class Worker:
    """Runs ``handlers`` until it is stopped.

    Args:
        connector, listener: the process's own.
        handlers: by kind; tasks of other kinds are left to other workers.
        limits: how many tasks of a kind may run at once over all workers, which must agree on it; no entry, no limit.
        periodic: seconds between the end of one run and the next, by kind; started by themselves with the subject
            "", one at a time over all workers, and never given up.
        on_exhausted: told of a task that is given up.
        grace: seconds that tasks at work get to end when the worker stops.
    """

    def __init__(
        self,
        connector: Connector,
        listener: Listener,
        handlers: Handlers,
        *,
        limits: Mapping[str, int] | None = None,
        periodic: Mapping[str, float] | None = None,
        on_exhausted: Exhausted | None = None,
        grace: float = 10.0,
    ) -> None:
        self._id = QueueManagerId(uuid4())
        self._listener = listener
        self._driver = QueueDriver(connector, listener)
        self._steps = TaskSteps(self._driver)
        self._handlers = {**handlers, _PRUNE: self._prune}
        self._limits = {**(limits or {}), _PRUNE: 1}
        self._periodic = {**(periodic or {}), _PRUNE: _PRUNE_EVERY}
        self._runner = TaskRunner(self._driver, self._handlers, periodic=self._periodic, on_exhausted=on_exhausted)
        self._grace = grace
        self._stop = asyncio.Event()
        self._started = asyncio.Event()
        self._manager: QueueManager | None = None
        # It logs every rerun and, after us, every failure.
        logging.getLogger("pgqueuer").setLevel(logging.ERROR)

    @property
    def started(self) -> asyncio.Event:
        """Set when tasks are being taken."""
        return self._started

    def stop(self) -> None:
        """Asks ``run`` to end; it returns when nothing is at work any more."""
        self._stop.set()

    async def run(self) -> None:
        """Works until ``stop`` or cancellation; both put unfinished tasks back."""
        work = asyncio.create_task(self._work(), name="task-worker")
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await asyncio.shield(self._leave(work))
        await work

    async def _leave(self, work: asyncio.Task[None]) -> None:
        """Takes no more tasks, waits for those at work, puts the rest back, and ends."""
        self._stop.set()
        if self._manager is not None:
            self._manager.shutdown.set()
        await asyncio.wait({work}, timeout=self._grace)
        self._runner.stop()
        self._driver.give_up()
        await asyncio.wait({work}, timeout=_UNWIND_SECONDS)
        if not work.done():
            work.cancel()
            await asyncio.wait({work}, timeout=_UNWIND_SECONDS)
        await self._driver.close()

    async def _work(self) -> None:
        """PgQueuer's loop, started again when it fails: whatever it met, the tasks are still there."""
        failures = 0
        while not self._stop.is_set():
            try:
                await self._work_once()
                failures = 0
            except Exception as error:  # noqa: BLE001 - a worker that ends by itself would be a server that does nothing
                if self._stop.is_set():
                    return
                _log.exception("the task loop failed (%s) and starts again", type(error).__name__)
                await self._pause(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1

    async def _work_once(self) -> None:
        manager = self._manager = QueueManager(queries(self._driver), Channel(TASK_CHANNEL))
        manager.queue_manager_id = self._id
        manager.min_dequeue_poll_interval = _LEAST_POLL
        for kind in self._handlers:
            limit = self._limits.get(kind, 0)
            manager.entrypoint(kind, concurrency_limit=limit, accepts_context=False)(self._runner.entrypoint(kind))
        await self._listener.on_connect(self._hold_lock)
        await self._steps.take_back(self._id)
        for kind in self._periodic:
            await self._steps.add(kind, "")
        if self._stop.is_set():
            return
        self._started.set()
        await manager.run(
            dequeue_timeout=_POLL,
            batch_size=_BATCH,
            max_concurrent_tasks=_AT_ONCE,
            heartbeat_timeout=_HEARTBEAT,
            log_aggregation_interval=timedelta(0),
        )

    async def _hold_lock(self, connection: asyncpg.Connection) -> None:
        """Shows that we live, for as long as our listening connection does (``TaskSteps.take_back``)."""
        await connection.execute("SELECT pg_try_advisory_lock($1)", owner_lock_key(self._id))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):  # the pause is over
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _prune(self, subject: str) -> float | None:
        del subject
        await self._steps.prune()
        return None
