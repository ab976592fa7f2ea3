from collections.abc import AsyncIterator

import pytest_asyncio
from tests.sandbox.caller import Caller

from sluicegate.sandbox.server import SandboxServer


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def running() -> AsyncIterator[Caller]:
    async with SandboxServer() as server:
        yield Caller(server.url)


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(running: Caller) -> Caller:
    """An empty world behind a real socket."""
    await running.control("POST", "/reset")
    return running
