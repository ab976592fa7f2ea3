"""Fixtures of the crash tests."""

from collections.abc import AsyncIterator

import pytest
from tests import ready_made
from tests.faults.server import Server

from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.services.vault import AesVault


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """An installation of its own, not running yet."""
    with ready_made.open_folder() as home:
        server = Server(home / "data")
        yield server
        await server.stop()


@pytest.fixture
async def database(vault: AesVault) -> AsyncIterator[Database]:
    """A database of its own: the crash tests of this folder call something else "server"."""
    with ready_made.open_folder() as home:
        await ready_made.place(home / "postgres")
        async with (
            EmbeddedPostgres(home / "postgres") as postgres,
            open_at(Connector(embedded=postgres), vault) as opened,
        ):
            yield opened
