"""Fixtures of what an operator does: installations of their own, whose folder the database's user can reach."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests import ready_made
from tests.faults.server import Server
from tests.launching import Outcome, run

SECONDS = 240.0
PASSPHRASE = "correct horse battery"


async def command(*arguments: str | Path, **environment: str) -> Outcome:
    """Runs ``sluicegate`` to its end; what it says on standard error is one line."""
    outcome = await run(*arguments, seconds=SECONDS, **environment)
    return replace(outcome, err=" ".join(outcome.err.split()))


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder."""
    with ready_made.open_folder() as folder:
        yield folder


@pytest.fixture
async def server(home: Path) -> AsyncIterator[Server]:
    """An installation that does not run yet."""
    server = Server(home / "data")
    await server.prepare()
    yield server
    await server.stop()
