"""Connections that nobody needs any more are closed, but not before a while.

SQLAlchemy's pool closes what exceeds its size at once, or never. Opening a connection costs as much as twenty small
units of work, and bursts seldom come alone.
"""

import asyncio
from time import monotonic
from typing import Any, Final

from sqlalchemy import Engine, event

__all__ = ["close_idle"]

_KEPT: Final = 2
"""Connections that stay while nothing happens; each is a server process of a few megabytes."""


def close_idle(engine: Engine, seconds: float) -> None:
    """Has the connections of an engine closed that rested so long in its pool, all but two.

    The pool has to give out first what came back last: what only a burst needed rests when it is over.
    """
    rests = _Rests(seconds)

    @event.listens_for(engine, "checkin")
    def begin(connection: object, record: Any) -> None:  # noqa: ANN401 - the pool's own type
        if connection is not None:  # else it was lost
            rests.begin(record)

    @event.listens_for(engine, "checkout")
    def end(connection: object, record: Any, proxy: object) -> None:  # noqa: ANN401 - as above
        del connection, proxy
        rests.end(record)


class _Rests:
    """The connections in the pool, those that have rested longest first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._resting: dict[Any, tuple[float, Any]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, record: Any) -> None:  # noqa: ANN401 - the pool's own type
        """A connection came back."""
        self._resting[record] = (monotonic(), record.driver_connection)
        if self._timer is None and len(self._resting) > _KEPT:
            self._look_in(self._seconds)

    def end(self, record: Any) -> None:  # noqa: ANN401 - as above
        """It is needed again."""
        self._resting.pop(record, None)

    def _look_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        for record, (since, connection) in list(self._resting.items())[:-_KEPT]:
            left = since + self._seconds - monotonic()
            if left > 0:
                self._look_in(left)
                return
            del self._resting[record]
            if record.driver_connection is connection:  # else the pool has replaced it
                record.invalidate(soft=True)  # whoever gets it next opens a new one
                connection.terminate()
