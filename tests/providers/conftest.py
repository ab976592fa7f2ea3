"""The sandbox that adapters are tested against: one server per session, a fresh world for each test."""

import logging
from collections.abc import AsyncIterator

import pytest
from tests.providers.suite.interposer import Interposer
from tests.sandbox.caller import Caller

from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.http import Http
from sluicegate.sandbox.server import SandboxServer


@pytest.fixture(scope="session")
async def running_sandbox() -> AsyncIterator[Caller]:
    async with SandboxServer() as server:
        yield Caller(server.url)


@pytest.fixture(scope="session")
async def running_interposer(running_sandbox: Caller) -> AsyncIterator[Interposer]:
    async with Interposer(running_sandbox.url) as interposer:
        yield interposer


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[Http]:
    """The real HTTP client, behind a guard that lets loopback through."""
    egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
    client = Http(egress)
    yield client
    await client.aclose()
    egress.close()


@pytest.fixture
async def sandbox(running_sandbox: Caller, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Caller]:
    """An empty world whose clock stands still until it is driven; a fault of the sandbox itself fails the test."""
    await running_sandbox.control("POST", "/reset")
    await running_sandbox.control("POST", "/clock", {"rate": 0})
    earlier = len(caplog.get_records("setup"))  # servers of the tests before may still be ending
    yield running_sandbox
    for record in [*caplog.get_records("setup")[earlier:], *caplog.get_records("call")]:
        assert record.levelno < logging.ERROR, record.getMessage()


@pytest.fixture
def interposer(running_interposer: Interposer) -> Interposer:
    """A server between adapter and sandbox that changes nothing until it is told to."""
    running_interposer.renew()
    return running_interposer
