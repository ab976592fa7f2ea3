"""One running installation for all tests that use the product from outside: starting one takes seconds.

It may reach 127.0.0.1 and nothing else, takes files of up to 64 MiB, and logs everything. Tests that share it hand in
content of their own and leave it running and healthy.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from tests import ready_made
from tests.faults.server import Server

from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres

__all__ = ["FILE_MAX", "database", "house"]

FILE_MAX = 64 << 20
"""Bytes of the largest file that the shared installation downloads."""

SETTINGS = {
    "SLUICEGATE_EGRESS_ALLOW": "127.0.0.1",
    "SLUICEGATE_DOWNLOAD_MAX_GIB": str(FILE_MAX / (1 << 30)),
    "SLUICEGATE_LOG_LEVEL": "debug",
    "SLUICEGATE_WRONG_KEY_RATE": "0",
}


@pytest.fixture(scope="session")
async def house() -> AsyncIterator[Server]:
    """The running installation."""
    with ready_made.open_folder() as home:
        server = Server(home / "data", SETTINGS)
        await server.start()
        yield server
        await server.stop()


@asynccontextmanager
async def database(server: Server) -> AsyncIterator[asyncpg.Connection]:
    """A connection to an installation's database, past everything that protects it."""
    async with EmbeddedPostgres(server.data / "postgres") as postgres:
        connection = await Connector(embedded=postgres).connect()
        try:
            yield connection
        finally:
            await connection.close()
