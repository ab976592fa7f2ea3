"""Fixtures of the crash tests."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.faults.server import Server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """An installation of its own, not running yet; the database's user must be able to reach its folder."""
    home = Path(tempfile.mkdtemp(prefix="sluicegate-test-"))
    server = Server(home / "data")
    try:
        yield server
        await server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
