"""The SQLAlchemy engine: a small, bounded pool over ``Connector``."""

import time
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sluicegate.db.connector import Connector

__all__ = ["make_engine"]

_POOL_WAIT_SECONDS: Final = 30.0
"""A burst of a thousand submits on a busy machine drains in less."""
_RECYCLE_SECONDS: Final = 1800
_IDLE: Final = 2
"""Connections kept while nothing happens; each is a server process of a few megabytes."""
_TRUSTED_SECONDS: Final = 1.0
_RESTED: Final = "sluicegate_rested_since"


def make_engine(connector: Connector, *, pool_size: int) -> AsyncEngine:
    """An engine with at most ``pool_size`` connections.

    A connection that has rested is probed when it leaves the pool, so a restarted server is not noticed by the caller.
    Error messages never hold parameters.
    """
    idle = min(_IDLE, pool_size)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connector.connect,
        pool_size=idle,
        max_overflow=pool_size - idle,
        pool_timeout=_POOL_WAIT_SECONDS,
        pool_recycle=_RECYCLE_SECONDS,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
    )
    _probe_after_rest(engine.sync_engine)
    return engine


def _probe_after_rest(engine: Engine) -> None:
    """Has connections probed that were not used for a second.

    The probe is three round trips, as many as a small transaction. One that was used a moment ago needs none: the end
    of its server closes the socket, which is known here at once; only a network that is gone closes nothing.
    """

    @event.listens_for(engine, "checkin")
    def rest(connection: Any, record: Any) -> None:  # noqa: ANN401 - the adapter's own type
        del connection
        record.info[_RESTED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def probe(connection: Any, record: Any, proxy: object) -> None:  # noqa: ANN401
        del proxy
        rested: float | None = record.info.get(_RESTED)
        if rested is None:
            return  # it was opened just now
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError
        if time.monotonic() - rested > _TRUSTED_SECONDS:
            try:
                connection.ping()
            except (engine.dialect.loaded_dbapi.Error, DBAPIError) as error:
                raise InvalidatePoolError from error
