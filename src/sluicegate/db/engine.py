"""The SQLAlchemy engine: a small, bounded pool over ``Connector``."""

from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from sluicegate.db.connector import Connector
from sluicegate.db.idle_connections import close_idle

__all__ = ["make_engine"]

_POOL_WAIT_SECONDS: Final = 30.0
"""A burst of a thousand submits on a busy machine drains in less."""
_RECYCLE_SECONDS: Final = 1800
_IDLE_SECONDS: Final = 30.0
_RESTED: Final = "sluicegate_rested"


def make_engine(connector: Connector, *, pool_size: int, idle_seconds: float = _IDLE_SECONDS) -> AsyncEngine:
    """An engine with at most ``pool_size`` connections.

    A connection shows that it is alive when it leaves the pool, so a restarted server is not noticed by the caller.
    Error messages never hold parameters.

    Args:
        connector: opens connections.
        pool_size: connections at most.
        idle_seconds: when a connection that nobody needed for so long is closed; two stay.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connector.connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # see close_idle
        pool_timeout=_POOL_WAIT_SECONDS,
        pool_recycle=_RECYCLE_SECONDS,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
    )
    _begin_as_probe(engine.sync_engine)
    close_idle(engine.sync_engine, idle_seconds)
    return engine


def _begin_as_probe(engine: Engine) -> None:
    """Has every connection that rested begin its transaction when it leaves the pool, which shows that it is alive.

    SQLAlchemy's own probe is a transaction of its own, three round trips, as many as a small unit of work has itself.
    Its adapter begins transactions with their first statement; here that is done a moment earlier.
    """

    @event.listens_for(engine, "checkin")
    def rest(connection: Any, record: Any) -> None:  # noqa: ANN401 - the adapter's own type
        del connection
        record.info[_RESTED] = True

    @event.listens_for(engine, "checkout")
    def begin(connection: Any, record: Any, proxy: object) -> None:  # noqa: ANN401 - as above
        del proxy
        if _RESTED in record.info:  # else it was opened just now
            try:
                await_only(connection._start_transaction())  # noqa: SLF001 - it has no other name
            except engine.dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error
