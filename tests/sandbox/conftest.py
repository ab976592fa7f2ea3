import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.sandbox.caller import Caller

from sluicegate.sandbox.server import SandboxServer


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def running() -> AsyncIterator[Caller]:
    async with SandboxServer() as server:
        yield Caller(server.url)


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(running: Caller, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Caller]:
    """An empty world behind a real socket; a handler that fails on our side fails the test."""
    await running.control("POST", "/reset")
    yield running
    for record in [*caplog.get_records("setup"), *caplog.get_records("call")]:
        assert record.levelno < logging.ERROR, record.getMessage()
