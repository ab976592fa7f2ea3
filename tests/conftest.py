"""Fixtures for every area: one embedded PostgreSQL per test session, a fresh database of it for each test."""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests import ready_made
from tests.databases import TEMPLATE, administer, fresh_database
from tests.dice import load_profile
from tests.trust import read_once

from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.unit_of_work import Transactions
from sluicegate.services.vault import AesVault

pytest_plugins = ("tests.house",)

_TESTS = Path(__file__).parent
_LONGEST_FIRST = (
    "operations",
    "faults",
    "browser",
    "e2e",
    "cli",
    "deliveries",
    "clients",
    "surfaces",
    "db",
    "services",
)
"""Folders whose files take long, most of all where servers are started and killed: begun last, they would end last."""


def pytest_configure() -> None:
    """Twelve thousand tests are made before the first one runs, and all of them stay: nothing to be found in them."""
    gc.disable()


def pytest_collection_finish() -> None:
    """They are not searched again either."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are handed to the test processes in this order (``scripts/test.sh``)."""
    places = {name: place for place, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(_TESTS).parts[0], len(places)))


load_profile()
read_once()


@pytest.fixture(scope="session")
def vault() -> AesVault:
    """A vault with a fixed key."""
    return AesVault(bytes(range(32)))


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    """A folder that the database's own user can reach."""
    with ready_made.open_folder() as home:
        yield home


@pytest.fixture(scope="session")
async def server(server_home: Path) -> AsyncIterator[Connector]:
    """The running server, with a migrated template database."""
    await ready_made.place(server_home / "postgres")
    async with EmbeddedPostgres(server_home / "postgres") as postgres:
        server = Connector(embedded=postgres)
        await administer(server, f"CREATE DATABASE {TEMPLATE} TEMPLATE postgres STRATEGY FILE_COPY")
        yield server


@pytest.fixture
async def connector(server: Connector) -> AsyncIterator[Connector]:
    """How to reach this test's own database."""
    async with fresh_database(server) as connector:
        yield connector


@pytest.fixture
async def database(connector: Connector, vault: AesVault) -> AsyncIterator[Database]:
    """This test's own database, open."""
    async with open_at(connector, vault) as database:
        yield database


@pytest.fixture
def transactions(database: Database) -> Transactions:
    """Units of work on this test's own database."""
    return database.transactions
