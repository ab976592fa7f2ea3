"""Brings the database to this version's shape at start: our tables by Alembic, PgQueuer's by its own planner.

Any number of processes may start at once. One wins an advisory lock and migrates, the others wait and find it done.
A database that is up to date is recognised by one query, without loading Alembic.
"""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from sluicegate.core.errors import InternalError
from sluicegate.db.connector import Connector
from sluicegate.db.queue_schema import queries

__all__ = ["HEAD", "is_current", "migrate"]

HEAD: Final = "0018"
"""The newest revision in ``migrations/versions``; a test keeps the two in step."""

_LOCK_KEY: Final = 0x51_75_69_63_65_47_61_74
_LOCK_SECONDS: Final = 120.0
_OLDEST_SERVER: Final = 150_000
"""PostgreSQL 15: the first with NULLS NOT DISTINCT."""
_STATE: Final = """
    SELECT to_regclass('public.alembic_version') IS NOT NULL AS ours,
           obj_description(to_regnamespace('tasks'), 'pg_namespace') AS queue
"""


async def migrate(connector: Connector, engine: AsyncEngine) -> None:
    """Migrates, or finds that there is nothing to do.

    Raises:
        InternalError: the server is too old, the database is newer than this program, or another process has been
            migrating for two minutes.
    """
    connection = await connector.connect()
    try:
        if await is_current(connection):
            return
        _check_server(connection)
        await _lock(connection)
        if not await is_current(connection):
            await _migrate_ours(connection, engine)
            await _migrate_queue(connection)
    finally:
        await connection.close()


async def is_current(connection: asyncpg.Connection) -> bool:
    """True when both schemas have this version's shape."""
    row = await connection.fetchrow(_STATE)
    return row["queue"] == _queue_mark() and row["ours"] and await _revision(connection) == HEAD


async def _revision(connection: asyncpg.Connection) -> str | None:
    return str(await connection.fetchval("SELECT version_num FROM alembic_version"))


def _check_server(connection: asyncpg.Connection) -> None:
    found = connection.get_server_version()
    if found.major * 10_000 < _OLDEST_SERVER:
        raise InternalError(f"PostgreSQL {found.major} is too old.", action="Use PostgreSQL 15 or newer.")


async def _lock(connection: asyncpg.Connection) -> None:
    """Takes the migration lock; it ends with the connection."""
    await connection.execute(f"SET lock_timeout = 0; SET statement_timeout = '{_LOCK_SECONDS:.0f}s'")
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
    except asyncpg.QueryCanceledError as error:
        raise InternalError(
            "Another process has been migrating the database for too long.",
            action="Wait for it, or look for a hanging 'sluicegate' process.",
        ) from error
    await connection.execute("SET statement_timeout = 0")


async def _migrate_ours(connection: asyncpg.Connection, engine: AsyncEngine) -> None:
    if (await connection.fetchrow(_STATE))["ours"]:
        revision = await _revision(connection)
        if revision is not None and revision > HEAD:
            raise InternalError(
                "The database was made by a newer version of Sluicegate.", action="Update, or restore an older backup."
            )
    async with engine.begin() as ours:
        await ours.execute(text("SET LOCAL statement_timeout = 0"))
        await ours.run_sync(_run_alembic)


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


async def _migrate_queue(connection: asyncpg.Connection) -> None:
    """PgQueuer's own installer; the mark on its schema tells the next start which version has run."""
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

    ours = queries(AsyncpgDriver(connection))
    if await ours.schema_is_installed():
        await ours.upgrade()
    else:
        async with connection.transaction():
            await ours.install()
    await connection.execute(f"COMMENT ON SCHEMA tasks IS '{_queue_mark()}'")


@cache
def _queue_mark() -> str:
    return f"pgqueuer {version('pgqueuer')}"
