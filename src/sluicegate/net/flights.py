"""Identical reads that are in flight at the same time are one: every asker gets the answer of the first."""

import asyncio
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Flights"]

T = TypeVar("T")


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[Any]
    waiting: int = 0


class Flights:
    """The reads of one process that are in flight. Nothing is kept once an answer is there."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    async def join(self, key: Hashable, call: Coroutine[Any, Any, T]) -> T:
        """The outcome of ``call``, or of the call with this key that is in flight already; then ``call`` never runs.

        One asker who leaves does not disturb the others; when the last one leaves, the call is cancelled.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(call))
            self._flights[key] = flight
        else:
            call.close()
        flight.waiting += 1
        try:
            outcome: T = await asyncio.shield(flight.task)
            return outcome
        finally:
            flight.waiting -= 1
            if not flight.waiting or flight.task.done():
                if self._flights.get(key) is flight:
                    del self._flights[key]
                await _ended(flight.task)


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancels it unless it is over, and waits: a caller that was cancelled leaves no task behind."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # marks it as seen: every asker may have left
