"""One run of one task: its handler is called, and what comes of it decides what becomes of the task's row.

Only two things leave this module towards PgQueuer: a plain return (the row is removed) and ``RetryRequested`` (the row
waits again). A handler's exception never does: PgQueuer keeps and logs its text, and nobody knows what that holds.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol

from pgqueuer.domain.errors import RetryRequested
from pgqueuer.models import Job as QueuedTask

from sluicegate.core.errors import SluicegateError
from sluicegate.core.tasks import Handlers
from sluicegate.db.queue_driver import QueueDriver
from sluicegate.db.task_steps import TaskSteps

__all__ = ["Exhausted", "TaskRunner"]

_log: Final = logging.getLogger(__name__)

_ATTEMPTS: Final = 10
"""With the pauses below, a task is given up after about nine minutes of failing."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
_UNWIND_SECONDS: Final = 5.0


class Exhausted(Protocol):
    """Told when a task failed ten times in a row and is given up; its row is gone then."""

    def __call__(self, kind: str, subject: str, error: Exception) -> Awaitable[None]:
        """``error`` is the last failure."""
        ...


class TaskRunner:
    """Runs tasks for one worker.

    Attributes:
        running: the handlers at work.
    """

    def __init__(
        self,
        driver: QueueDriver,
        handlers: Handlers,
        *,
        periodic: Mapping[str, float],
        on_exhausted: Exhausted | None,
    ) -> None:
        self._driver = driver
        self._steps = TaskSteps(driver)
        self._handlers = handlers
        self._periodic = periodic
        self._on_exhausted = on_exhausted
        self._stopping = asyncio.Event()
        self.running: set[asyncio.Task[float | None]] = set()

    def entrypoint(self, kind: str) -> Callable[[QueuedTask], Awaitable[None]]:
        """What PgQueuer calls for tasks of ``kind``."""

        async def run(task: QueuedTask) -> None:
            await self._run(kind, task)

        return run

    def stop(self) -> None:
        """Cancels all handlers; their tasks go back into the queue as they were."""
        self._stopping.set()
        for handler in self.running:
            handler.cancel()

    async def _run(self, kind: str, task: QueuedTask) -> None:
        subject = (task.payload or b"").decode()
        outcome = await self._outcome(kind, subject)
        if outcome is None:
            await self._put_back(0.0, "stopped")
        elif isinstance(outcome, Exception):
            await self._after_failure(kind, subject, task.id, outcome)
        else:
            await self._after_success(kind, task.id, outcome[0])

    async def _outcome(self, kind: str, subject: str) -> tuple[float | None] | Exception | None:
        """The handler's answer in a tuple, its exception, or None when it was interrupted to be run again."""
        if self._stopping.is_set():
            return None
        handler = asyncio.ensure_future(self._handlers[kind](subject))
        self.running.add(handler)
        try:
            await asyncio.wait({handler})
        except asyncio.CancelledError:
            # The whole loop is being torn down. PgQueuer would take this for "no longer wanted" and drop the task.
            handler.cancel()
            await asyncio.wait({handler}, timeout=_UNWIND_SECONDS)
            return None
        finally:
            self.running.discard(handler)
        if handler.cancelled():
            return None if self._stopping.is_set() else RuntimeError("the handler cancelled itself")
        error = handler.exception()
        if error is None:
            return (handler.result(),)
        return error if isinstance(error, Exception) else None

    async def _after_success(self, kind: str, task_id: int, pause: float | None) -> None:
        pause = self._periodic.get(kind, pause)
        if pause is None and await self._steps.finish(task_id):
            return
        wanted = await self._steps.again(task_id)
        await self._put_back(0.0 if wanted or pause is None else max(pause, 0.0), "runs again")

    async def _after_failure(self, kind: str, subject: str, task_id: int, error: Exception) -> None:
        failures = await self._steps.failed(task_id)
        _log.warning("task %s %s failed, attempt %d: %s", kind, subject, failures, _words(error))
        if failures >= _ATTEMPTS and kind not in self._periodic:
            await self._give_up(kind, subject, task_id, error)
            return
        pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 30), _LONGEST_PAUSE)
        told = error.retry_after if isinstance(error, SluicegateError) else None
        await self._put_back(min(max(pause, told or 0.0), _LONGEST_PAUSE), "failed")

    async def _give_up(self, kind: str, subject: str, task_id: int, error: Exception) -> None:
        """Ends the task; whoever asks for it again, as the sweep does, starts a new one."""
        _log.error("task %s %s is given up after %d attempts", kind, subject, _ATTEMPTS)
        if self._on_exhausted is not None:
            try:
                await self._on_exhausted(kind, subject, error)
            except Exception as failure:  # noqa: BLE001 - the task must end whatever the callback does
                _log.error("giving up task %s %s failed: %s", kind, subject, type(failure).__name__)
        if not await self._steps.finish(task_id):
            await self._steps.again(task_id)
            await self._put_back(0.0, "wanted again")

    async def _put_back(self, pause: float, reason: str) -> None:
        self._driver.wake_after(pause)
        raise RetryRequested(timedelta(seconds=pause), reason)


def _words(error: Exception) -> str:
    """What the log may say: our own errors are written for people, of others the text is unknown and left out."""
    if isinstance(error, SluicegateError):
        return f"{type(error).__name__}: {error.detail}"
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return "".join([type(error).__name__, *(f" at {frame.filename}:{frame.lineno}" for frame in last)])
