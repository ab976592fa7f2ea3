"""Downloaders for tests: real sockets to 127.0.0.1 only."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.providers.direct.waiting import MakeDirect

from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http
from sluicegate.providers.direct.adapter import Direct
from sluicegate.providers.direct.downloader import Downloader
from sluicegate.providers.direct.options import DirectOptions


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http(EgressPolicy.parse("127.0.0.1")) as http:
        yield http


@pytest.fixture
async def make_direct(http: Http, tmp_path: Path) -> AsyncIterator[MakeDirect]:
    """Makes adapters over running downloaders in the test's folder and closes them at the end."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> Direct:
            quick = {"backoff": 0.02, "save_every": 0.1, "disk_retry": 0.1}
            small = {"disk_reserve": 0, "segment_min": 256 * 1024}
            settings = {"folder": tmp_path / "direct", **quick, **small, **options}
            downloader = Downloader(http, DirectOptions(**settings))
            stack.push_async_callback(downloader.aclose)
            await downloader.start()
            return Direct(downloader)

        yield make


@pytest.fixture
async def direct(make_direct: MakeDirect) -> Direct:
    """A downloader with everyday options, only quicker."""
    return await make_direct()
