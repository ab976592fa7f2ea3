"""Engines for swarm tests: real child processes that meet 127.0.0.1 only."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.providers.swarm.waiting import MakeLink

from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.swarm.engine_link import EngineLink
from sluicegate.providers.swarm.options import SwarmOptions

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
async def make_link(tmp_path: Path) -> AsyncIterator[MakeLink]:
    """Makes engine links in the test's folder and closes them at the end."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> EngineLink:
            settings = {
                "folder": tmp_path / "swarm",
                "listen": "127.0.0.1:0",
                "dht": False,
                "allowed_networks": LOOPBACK,
            }
            link = EngineLink(
                SwarmOptions(**{**settings, "disk_reserve": 0, "save_every": 0.3, "disk_every": 0.3, **options})
            )
            stack.push_async_callback(link.aclose)
            return link

        yield make


@pytest.fixture
def swarm(make_link: MakeLink) -> Swarm:
    """A swarm with everyday options."""
    return Swarm(make_link())
