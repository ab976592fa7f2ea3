"""Fixtures of what an operator does: installations of their own, whose folder the database's user can reach."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.server import COMMAND, Server

SECONDS = 240.0
PASSPHRASE = "correct horse battery"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


async def command(*arguments: str | Path, **environment: str) -> Outcome:
    """Runs ``sluicegate`` to its end."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), " ".join(err.decode().split()))


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder."""
    folder = Path(tempfile.mkdtemp(prefix="sluicegate-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def server(home: Path) -> AsyncIterator[Server]:
    """An installation that does not run yet."""
    server = Server(home / "data")
    yield server
    await server.stop()
