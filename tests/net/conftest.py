from collections.abc import AsyncIterator

import pytest
from tests.net.wire import Remote, listen

from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with listen() as remote:
        yield remote


@pytest.fixture
async def http(remote: Remote) -> AsyncIterator[Http]:
    """A client whose operator allows the remote server's own address and port, and no other private one."""
    async with open_http(EgressPolicy.parse(f"127.0.0.1:{remote.port}")) as http:
        yield http
