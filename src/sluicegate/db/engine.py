"""The SQLAlchemy engine: a small, bounded pool over ``Connector``."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sluicegate.db.connector import Connector

__all__ = ["make_engine"]

_POOL_WAIT_SECONDS: Final = 30.0
"""A burst of a thousand submits on a busy machine drains in less."""
_RECYCLE_SECONDS: Final = 1800
_IDLE: Final = 2
"""Connections kept while nothing happens; each is a server process of a few megabytes."""


def make_engine(connector: Connector, *, pool_size: int) -> AsyncEngine:
    """An engine with at most ``pool_size`` connections.

    Every connection is probed when it leaves the pool (0.1 ms on the socket), so a restarted server is not noticed by
    the caller. Error messages never hold parameters.
    """
    idle = min(_IDLE, pool_size)
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connector.connect,
        pool_size=idle,
        max_overflow=pool_size - idle,
        pool_timeout=_POOL_WAIT_SECONDS,
        pool_recycle=_RECYCLE_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
    )
