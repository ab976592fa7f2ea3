"""Fixtures of the crash tests."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.faults.server import Server

from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.services.vault import AesVault


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """An installation of its own, not running yet; the database's user must be able to reach its folder."""
    home = Path(tempfile.mkdtemp(prefix="sluicegate-test-"))
    server = Server(home / "data")
    try:
        yield server
        await server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
async def database(vault: AesVault) -> AsyncIterator[Database]:
    """A database of its own: the crash tests of this folder call something else "server"."""
    home = Path(tempfile.mkdtemp(prefix="sluicegate-test-"))
    async with EmbeddedPostgres(home / "postgres") as postgres:
        connector = Connector(embedded=postgres)
        connection = await connector.connect()
        # It is thrown away; waiting for the disk would be most of the test's time.
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        async with open_at(connector, vault) as opened:
            yield opened
    shutil.rmtree(home, ignore_errors=True)
