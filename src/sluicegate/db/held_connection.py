"""One connection that stays open for a statement that is sent all the time.

A connection of the pool begins a transaction when it is taken and is cleaned when it is given back, and its
statements go through the layers of SQLAlchemy. A held one sends the prepared statement and nothing else, which matters
for the account ledger, whose statement precedes every upstream call.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from sluicegate.db.connector import Connector
from sluicegate.db.failures import translated, unreachable

__all__ = ["HeldConnection"]

_SECONDS: Final = 40.0
"""Longer than the server works on any statement (``Connector``): a network that has gone says nothing."""
_CLOSE_SECONDS: Final = 2.0


class HeldConnection:
    """Opened by the first statement, again after a loss, and closed by ``aclose``. Statements run one after another."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._connection: asyncpg.Connection | None = None
        self._prepared: dict[str, Any] = {}
        self._turn = asyncio.Lock()

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Any]:
        """The rows of a statement, which commits itself.

        It is sent once more when the connection turns out to be lost, so it must be one that may run twice.

        Raises:
            InternalError: the database is not reachable, too busy, or refuses.
        """
        async with self._turn:
            with translated():
                try:
                    return await self._fetch(statement, arguments)
                except (
                    asyncpg.ConnectionDoesNotExistError,
                    asyncpg.AdminShutdownError,
                    asyncpg.InvalidCachedStatementError,  # prepared before a migration
                    OSError,
                ):
                    self._drop()
                try:
                    return await self._fetch(statement, arguments)
                except OSError as error:
                    self._drop()
                    raise unreachable() from error

    async def _fetch(self, statement: str, arguments: tuple[object, ...]) -> Sequence[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection, self._prepared = await self._connector.connect(), {}
        try:
            prepared = self._prepared.get(statement)
            if prepared is None:
                prepared = await self._connection.prepare(statement, timeout=_SECONDS)
                self._prepared[statement] = prepared
            rows: Sequence[Any] = await prepared.fetch(*arguments, timeout=_SECONDS)
        except TimeoutError:
            self._drop()
            raise unreachable() from None
        return rows

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def aclose(self) -> None:
        """Closes it; idempotent. A later statement would open it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()
