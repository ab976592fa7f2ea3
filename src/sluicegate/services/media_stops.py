"""Notices that jobs at work here were cancelled by their users, in whatever process, and ends their work."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from sluicegate.core.errors import SluicegateError
from sluicegate.core.ports import UnitOfWorkFactory

__all__ = ["MediaStops"]

_LOOK_EVERY: Final = 1.0


class MediaStops:
    """One look at all running jobs a second, for as long as there are any."""

    def __init__(self, transactions: UnitOfWorkFactory) -> None:
        self._transactions = transactions
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watching(self, job_id: UUID, work: asyncio.Task[None]) -> Iterator[None]:
        """Cancels ``work`` when the job turns out to be over while the block runs."""
        self._running[job_id] = work
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            del self._running[job_id]
            if not self._running:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            # The database may be away for a moment; the next look finds what this one missed.
            with contextlib.suppress(SluicegateError):  # see above
                async with self._transactions() as tx:
                    over = await tx.media_queue.over(list(self._running))
                for job_id in over & self._running.keys():
                    self._running[job_id].cancel()
