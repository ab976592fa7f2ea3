"""Third-party clients live in virtualenvs of their own: they pin old releases that contradict each other and ours.

Each is made once from its lock file, by uv, under ``.venv/clients``, and made again when the lock file changes.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.sandbox.caller import Caller

from sluicegate.sandbox.server import SandboxServer

HERE = Path(__file__).parent
HOME = Path(sys.executable).parent.parent / "clients"

Drive = Callable[..., Awaitable[dict[str, Any]]]


async def run(*command: str, seconds: float, env: dict[str, str] | None = None) -> str:
    """The standard output of a child; its standard error becomes the failure's message."""
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env
    )
    try:
        out, err = await asyncio.wait_for(child.communicate(), seconds)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise
    assert child.returncode == 0, f"{command[0]} … {command[-1]}:\n{err.decode()}\n{out.decode()}"
    return out.decode()


async def interpreter_of(client: str) -> Path:
    """The Python that has the client, made on first use."""
    lock, home = HERE / "locks" / f"{client}.txt", HOME / client
    python, mark = home / "bin" / "python", home / "made-from.txt"
    if mark.exists() and mark.read_text() == lock.read_text():
        return python
    shutil.rmtree(home, ignore_errors=True)
    uv = str(Path(sys.executable).parent / "uv")
    await run(uv, "venv", "--quiet", "--python", sys.executable, str(home), seconds=120)
    install = ("pip", "install", "--quiet", "--require-hashes", "--python", str(python), "-r", str(lock))
    await run(uv, *install, seconds=300)
    mark.write_text(lock.read_text())
    return python


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def running() -> AsyncIterator[Caller]:
    async with SandboxServer() as server:
        yield Caller(server.url)


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(running: Caller) -> Caller:
    """An empty world behind a real socket."""
    await running.control("POST", "/reset")
    return running


@pytest.fixture
def drive(sandbox: Caller, tmp_path: Path) -> Drive:
    """``drive(client, script, **told)`` runs ``tests/clients/drivers/<script>.py`` with the client's Python.

    The script gets one JSON argument with ``url`` and whatever is told, and prints one JSON object.
    """

    async def start(client: str, script: str, **told: Any) -> dict[str, Any]:
        python = await interpreter_of(client)
        argument = json.dumps({"url": sandbox.url, "folder": str(tmp_path), **told})
        env = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
        printed = await run(str(python), "-P", str(HERE / "drivers" / f"{script}.py"), argument, seconds=90, env=env)
        answer: dict[str, Any] = json.loads(printed)
        return answer

    return start
