"""Databases of their own for tests, copied from the migrated one of the session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from sluicegate.db.connector import Connector

__all__ = ["TEMPLATE", "administer", "fresh_database"]

TEMPLATE = "sluicegate_template"
"""The migrated, empty database that the server of the fixture ``server`` comes with."""


@asynccontextmanager
async def fresh_database(server: Connector, area: str = "test") -> AsyncIterator[Connector]:
    """How to reach an empty, migrated database that is dropped behind the block."""
    name = f"{area}_{uuid4().hex}"
    # Copying its files is ten times cheaper than writing every page of the template to the log.
    await administer(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    try:
        yield replace(server, database=name)
    finally:
        await administer(server, f"DROP DATABASE {name} WITH (FORCE)")


async def administer(server: Connector, statement: str) -> None:
    """Runs a statement that belongs to the server as a whole."""
    connection = await server.connect()
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
