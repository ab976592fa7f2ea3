"""Opening the database: the embedded server or a given one, migrated, with everything that hangs on it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from sluicegate.core.errors import InternalError, SluicegateError
from sluicegate.core.ports import Clock, Vault
from sluicegate.core.tasks import Handlers
from sluicegate.db.change_notices import RESTS, ChangeNotices
from sluicegate.db.changes import DatabaseChanges
from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.engine import make_engine
from sluicegate.db.gateway_schema import CHANNEL as ACCESS
from sluicegate.db.held_connection import HeldConnection
from sluicegate.db.ledger import HOLD_SECONDS, DatabaseLedger
from sluicegate.db.listener import Listener
from sluicegate.db.migrate import is_current, migrate
from sluicegate.db.unit_of_work import Transactions

if TYPE_CHECKING:
    from sluicegate.db.task_run import Exhausted
    from sluicegate.db.worker import Worker

__all__ = ["Database", "Health", "open_at", "open_database"]

_POOL_SIZE: Final = 10
_HEALTH_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Health:
    """What a readiness check needs to know; ``detail`` is a sentence for a person, empty when all is well."""

    reachable: bool
    migrated: bool
    detail: str = ""

    @property
    def ready(self) -> bool:
        """True when work can be done."""
        return self.reachable and self.migrated


class Database:
    """An open database.

    Attributes:
        transactions: opens units of work.
        changes: the change feed.
        access_changes: tells when keys, add-ons, policies or accounts change.
        rest_changes: tells when an account has to rest.
    """

    def __init__(self, connector: Connector, engine: AsyncEngine, vault: Vault, listener: Listener) -> None:
        self._connector = connector
        self._engine = engine
        self._listener = listener
        self._turns = HeldConnection(connector)
        self.transactions = Transactions(engine, vault)
        self.changes = DatabaseChanges(listener)
        self.access_changes = ChangeNotices(listener, ACCESS)
        self.rest_changes = ChangeNotices(listener, RESTS)

    def ledger(self, clock: Clock | None = None, *, hold: float = HOLD_SECONDS) -> DatabaseLedger:
        """The account ledger of this database; see ``DatabaseLedger`` for the arguments."""
        return DatabaseLedger(self._engine, self._turns, clock, hold=hold)

    def worker(
        self,
        handlers: Handlers,
        *,
        limits: Mapping[str, int] | None = None,
        periodic: Mapping[str, float] | None = None,
        on_exhausted: "Exhausted | None" = None,
        grace: float = 10.0,
    ) -> "Worker":
        """A worker on this database; see ``Worker`` for the arguments. It runs when its ``run`` is awaited."""
        from sluicegate.db.worker import Worker  # it loads PgQueuer

        return Worker(
            self._connector,
            self._listener,
            handlers,
            limits=limits,
            periodic=periodic,
            on_exhausted=on_exhausted,
            grace=grace,
        )

    async def aclose(self) -> None:
        """Gives back what this object itself holds; idempotent."""
        await self._turns.aclose()

    async def ensure_running(self) -> None:
        """Starts the embedded server again when it is gone; does nothing for a given database."""
        if self._connector.embedded is not None:
            await self._connector.embedded.ensure_running()

    async def health(self) -> Health:
        """Asks the database itself, for three seconds at most; never raises."""
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                migrated = await self._is_migrated()
        except (SluicegateError, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            detail = error.detail if isinstance(error, SluicegateError) else "The database does not answer."
            return Health(reachable=False, migrated=False, detail=detail)
        detail = "" if migrated else "The database has another version's tables."
        return Health(reachable=True, migrated=migrated, detail=detail)

    async def _is_migrated(self) -> bool:
        connection = await self._connector.connect()
        try:
            return await is_current(connection)
        finally:
            connection.terminate()


@asynccontextmanager
async def open_database(
    vault: Vault,
    *,
    data_dir: Path | None = None,
    database_url: str | None = None,
    pool_size: int = _POOL_SIZE,
) -> AsyncIterator[Database]:
    """Opens and migrates the database; leaving the block closes it.

    Args:
        vault: opens the sealed tokens of accounts.
        data_dir: use the embedded server, kept in ``postgres`` below this folder; ignored when a URL is given.
        database_url: ``postgresql://…``; PostgreSQL 15 or newer.
        pool_size: connections of this process's units of work at most.

    Raises:
        InternalError: it cannot be started, reached or migrated; says what to do.
    """
    async with AsyncExitStack() as stack:
        connector = await _connector(stack, data_dir, database_url)
        yield await stack.enter_async_context(open_at(connector, vault, pool_size=pool_size))


@asynccontextmanager
async def open_at(connector: Connector, vault: Vault, *, pool_size: int = _POOL_SIZE) -> AsyncIterator[Database]:
    """As ``open_database``, for a server that the caller keeps running."""
    async with AsyncExitStack() as stack:
        engine = make_engine(connector, pool_size=pool_size)
        stack.push_async_callback(engine.dispose)
        await migrate(connector, engine)
        listener = await stack.enter_async_context(Listener(connector))
        database = Database(connector, engine, vault, listener)
        stack.push_async_callback(database.aclose)
        yield database


async def _connector(stack: AsyncExitStack, data_dir: Path | None, database_url: str | None) -> Connector:
    if database_url is not None:
        return Connector(url=database_url)
    if data_dir is None:
        raise InternalError(
            "Neither a data folder nor a database URL is set.", action="Set --data-dir or --database-url."
        )
    return Connector(embedded=await stack.enter_async_context(EmbeddedPostgres(data_dir / "postgres")))
