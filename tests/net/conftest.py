from collections.abc import AsyncIterator

import pytest
from tests.net.wire import Remote, listen

from sluicegate.net import http as http_module
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http
from sluicegate.net.requests import Request


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with listen() as remote:
        yield remote


@pytest.fixture(params=["short", "library"])
async def http(request: pytest.FixtureRequest, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Http]:
    """A client whose operator allows the remote server's own address and port, and no other private one.

    Whole answers come both ways: over our own connections, and through the library as everything else does.
    """
    if request.param == "library":
        monkeypatch.setattr(http_module, "plain_bytes", _never)
    async with open_http(EgressPolicy.parse(f"127.0.0.1:{remote.port}")) as http:
        yield http


def _never(_request: Request) -> None:
    """No request is plain."""
