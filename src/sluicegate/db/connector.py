"""How every connection to PostgreSQL is made; a connection that fails because the embedded server died revives it."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from sluicegate.core.errors import InternalError
from sluicegate.db.built_in_types import Connection
from sluicegate.db.cluster import PORT, SUPERUSER
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.failures import unreachable

__all__ = ["Connector"]

_ATTEMPT_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 15.0
"""Enough for a restart of the embedded server with crash recovery."""
_PAUSE_SECONDS: Final = 0.1
_SESSION: Final = {
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    # A transaction never spans a network call, so one that idles is a fault and must not hold its locks.
    "idle_in_transaction_session_timeout": "60s",
}


@dataclass(frozen=True, slots=True)
class Connector:
    """Where the database is: the ``embedded`` server, or ``url`` (``postgresql://…``); exactly one is given.

    Attributes:
        database: name of the database inside the embedded server.
    """

    embedded: EmbeddedPostgres | None = None
    url: str | None = None
    database: str = "postgres"

    def __repr__(self) -> str:
        return "Connector(embedded)" if self.embedded else "Connector(url)"

    async def connect(self) -> asyncpg.Connection:
        """A fresh asyncpg connection with our session settings; the caller closes it.

        Raises:
            InternalError: the database is not reachable within fifteen seconds.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    if (connection := await self._attempt()) is not None:
                        return connection
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            raise unreachable() from None

    async def _attempt(self) -> asyncpg.Connection | None:
        """One try: a connection, or None when another try can help."""
        try:
            return await asyncpg.connect(
                **self._address(),
                timeout=_ATTEMPT_SECONDS,
                connection_class=Connection,
                server_settings={"application_name": "sluicegate"} | _SESSION,
            )
        except asyncpg.CannotConnectNowError:
            return None  # it is starting up or shutting down
        except (OSError, asyncpg.ConnectionDoesNotExistError) as error:
            if self.embedded is None:
                raise unreachable() from error
            await self.embedded.ensure_running()
            return None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise InternalError(
                "The database refused the connection.", action="Check the database URL with 'sluicegate doctor'."
            ) from error

    def _address(self) -> dict[str, Any]:
        if self.embedded is None:
            return {"dsn": (self.url or "").replace("postgresql+asyncpg://", "postgresql://", 1)}
        # An explicit password keeps asyncpg from searching the home folder for one; the socket needs none.
        return {
            "host": str(self.embedded.socket_dir),
            "port": PORT,
            "user": SUPERUSER,
            "password": "-",
            "database": self.database,
        }
