"""Fixtures of the database's own tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from sluicegate.core.tasks import Handlers
from sluicegate.db.connector import Connector
from sluicegate.db.database import Database
from sluicegate.db.worker import Worker

RunningWorker = Callable[..., AbstractAsyncContextManager[Worker]]


@pytest.fixture
def working(database: Database) -> RunningWorker:
    """``async with working(handlers, …) as worker``: a worker that takes tasks inside the block."""

    @asynccontextmanager
    async def start(handlers: Handlers, **options: Any) -> AsyncIterator[Worker]:
        worker = database.worker(handlers, **{"grace": 5.0} | options)
        running = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(10):
                await worker.started.wait()
            yield worker
        finally:
            worker.stop()
            await running

    return start


@pytest.fixture
async def sql(connector: Connector) -> AsyncIterator[Any]:
    """A plain connection to this test's database."""
    connection = await connector.connect()
    yield connection
    await connection.close()
