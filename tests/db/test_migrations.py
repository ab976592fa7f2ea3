"""Bringing a database to this version's shape, also when several processes do it at once."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection
from tests import ready_made
from tests.databases import administer

import sluicegate.db.migrations
from sluicegate.core.errors import InternalError
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.engine import make_engine
from sluicegate.db.migrate import HEAD
from sluicegate.db.schema import metadata
from sluicegate.services.vault import AesVault

_SCRIPTS = Path(sluicegate.db.migrations.__path__[0])
_MIGRATE = """
import asyncio, sys
from sluicegate.db.connector import Connector
from sluicegate.db.engine import make_engine
from sluicegate.db.migrate import migrate

async def main():
    connector = Connector(url=sys.argv[1])
    engine = make_engine(connector, pool_size=2)
    print("ready", flush=True)
    sys.stdin.readline()
    await migrate(connector, engine)
    await engine.dispose()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def new_server() -> AsyncIterator[Connector]:
    """A server as it is made, where no tables are."""
    with ready_made.open_folder() as home:
        await ready_made.place(home / "postgres", ready_made.EMPTY)
        async with EmbeddedPostgres(home / "postgres") as postgres:
            yield Connector(embedded=postgres)


@pytest.fixture
async def empty(new_server: Connector) -> AsyncIterator[Connector]:
    """A database without tables."""
    name = f"empty_{uuid4().hex}"
    await administer(new_server, f"CREATE DATABASE {name}")
    yield replace(new_server, database=name)
    await administer(new_server, f"DROP DATABASE {name} WITH (FORCE)")


async def scalar(connector: Connector, query: str) -> object:
    connection = await connector.connect()
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_two_processes_migrate_at_once(empty: Connector):
    url = f"postgresql://sluicegate@/{empty.database}?host={empty.embedded.socket_dir}"
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _MIGRATE, url, stdin=pipe, stdout=pipe, stderr=pipe)
        for _ in range(2)
    ]
    for process in processes:
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert await scalar(empty, "SELECT version_num FROM alembic_version") == HEAD
    assert await scalar(empty, "SELECT count(*) FROM tasks.pgqueuer") == 0


async def test_many_openings_in_one_process_migrate_once(empty: Connector, vault: AesVault):
    async def use():
        async with open_at(empty, vault) as database:
            assert (await database.health()).ready

    await asyncio.gather(*(use() for _ in range(8)))


async def test_the_migrations_make_what_the_tables_say(connector: Connector):
    engine = make_engine(connector, pool_size=1)
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
        checks, indexes = await connection.run_sync(_made)
    await engine.dispose()
    tables = metadata.tables.values()
    assert difference == []
    assert checks == {str(c.name) for table in tables for c in table.constraints if isinstance(c, CheckConstraint)}
    assert indexes >= {str(index.name) for table in tables for index in table.indexes}


def test_head_is_the_newest_script():
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_a_downgrade_leaves_nothing_of_ours(connector: Connector):
    from alembic import command

    engine = make_engine(connector, pool_size=1)

    def down(sync):
        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS))
        config.attributes["connection"] = sync
        command.downgrade(config, "base")

    async with engine.begin() as connection:
        await connection.run_sync(down)
    await engine.dispose()
    left = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    assert await scalar(connector, left) == 0


async def test_a_database_of_a_newer_version_is_refused(connector: Connector, vault: AesVault):
    await scalar(connector, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InternalError, match="newer version"):
        async with open_at(connector, vault):
            pass


async def test_a_queue_of_an_older_pgqueuer_is_brought_up_to_date(connector: Connector, vault: AesVault):
    await scalar(connector, "ALTER TABLE tasks.pgqueuer DROP COLUMN slot")
    await scalar(connector, "COMMENT ON SCHEMA tasks IS 'pgqueuer 1.0.0'")
    async with open_at(connector, vault) as database:
        assert (await database.health()).ready
    column = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'pgqueuer' AND column_name = 'slot'"
    assert await scalar(connector, column) == 1


async def test_health_tells_a_foreign_shape(connector: Connector, vault: AesVault):
    async with open_at(connector, vault) as database:
        assert (await database.health()).ready
        await scalar(connector, "UPDATE alembic_version SET version_num = '9999'")
        health = await database.health()
    assert (health.reachable, health.migrated, health.ready) == (True, False, False)
    assert health.detail


async def test_environment_variables_of_pgqueuer_do_not_move_its_tables(
    empty: Connector, vault: AesVault, monkeypatch: pytest.MonkeyPatch
):
    from sluicegate.db import queue_schema

    monkeypatch.setenv("PGQUEUER_PREFIX", "other_")
    monkeypatch.setenv("QUEUE_TABLE", "other")
    monkeypatch.setenv("PGQUEUER_SCHEMA", "other")
    queue_schema.settings.cache_clear()
    async with open_at(empty, vault):
        assert await scalar(empty, "SELECT to_regclass('tasks.pgqueuer') IS NOT NULL")
    queue_schema.settings.cache_clear()


def _made(sync: Connection) -> tuple[set[str], set[str]]:
    """Names of the check constraints and indexes that are there; Alembic compares neither of them whole."""
    checks = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
    return {row[0] for row in sync.exec_driver_sql(checks)}, {row[0] for row in sync.exec_driver_sql(indexes)}
