"""Taking over the engines of a data folder from a worker that has died.

The kernel frees the dead process's lock; whoever takes it next runs the engines. Their transfers lie in the folder and
go on; their tasks come back with the queue's own takeover.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from sluicegate.wiring.engines import engines_if_free
from sluicegate.wiring.installation import Installation

if TYPE_CHECKING:
    from sluicegate.db.worker import Worker

__all__ = ["standing_by_for_engines"]

_LOOK_EVERY: Final = 2.0
_log: Final = logging.getLogger(__name__)


@asynccontextmanager
async def standing_by_for_engines(
    installation: Installation, make_worker: Callable[[], "Worker"]
) -> AsyncIterator[None]:
    """Inside the block, looks whether the engines have become free; then runs them, and a worker for their tasks.

    Args:
        installation: whose engines.
        make_worker: makes the worker that takes the engines' tasks, and only those.
    """
    stop = asyncio.Event()
    standing_by = asyncio.create_task(_stand_by(installation, make_worker, stop), name="engine takeover")
    try:
        yield
    finally:
        stop.set()
        await standing_by


async def _stand_by(installation: Installation, make_worker: Callable[[], "Worker"], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with engines_if_free(installation) as ours:
                if ours:
                    _log.info("the worker that held the engines is gone; this one takes them over")
                    await _work(make_worker(), stop)
        except Exception as error:  # noqa: BLE001 - engines that do not start now may start in a moment
            _log.exception("the engines could not be taken over (%s); tried again soon", type(error).__name__)
        with suppress(TimeoutError):  # time for the next look
            async with asyncio.timeout(_LOOK_EVERY):
                await stop.wait()


async def _work(worker: "Worker", stop: asyncio.Event) -> None:
    running = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        worker.stop()
        await running
