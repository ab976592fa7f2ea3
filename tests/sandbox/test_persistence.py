"""The world survives a kill -9 of the process that serves it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio
from scripts.demo_parts.ports import free_ports
from tests.sandbox.caller import Caller, magnet

from sluicegate.sandbox.server import SandboxServer

HASH = "a1" * 20
TOKEN = "sandbox-joe"
ROOT = Path(__file__).parents[2]

Start = Callable[[int], Awaitable[tuple[asyncio.subprocess.Process, Caller]]]


@pytest_asyncio.fixture(loop_scope="session")
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts the sandbox on a folder; whatever still runs at the end is killed."""
    started: list[asyncio.subprocess.Process] = []

    async def run(port: int) -> tuple[asyncio.subprocess.Process, Caller]:
        command = (sys.executable, "-m", "tests.sandbox.served", str(tmp_path / "world"), str(port))
        child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        started.append(child)
        assert child.stdout
        line = (await asyncio.wait_for(child.stdout.readline(), 30)).decode().strip()
        assert line.startswith("sandbox http://127.0.0.1:")
        return child, Caller(line.removeprefix("sandbox "))

    yield run
    for child in started:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _kill(child: asyncio.subprocess.Process) -> None:
    os.kill(child.pid, signal.SIGKILL)
    await asyncio.wait_for(child.wait(), 10)


async def _create(sandbox: Caller, info_hash: str):
    form = {"magnet": magnet(info_hash)}
    return await sandbox.call("POST", "/torbox/v1/api/torrents/createtorrent", token=TOKEN, form=form)


async def test_everything_survives_a_kill(start: Start):
    (port,) = free_ports()  # that nobody takes while nothing listens
    child, sandbox = await start(port)
    await sandbox.control("POST", "/clock", {"advance_seconds": 90_000, "rate": 0})
    await sandbox.define(HASH, name="Box", files=[{"path": "a.bin", "size": 300_000}])
    await sandbox.control("POST", "/hosters", {"url": "https://h.test/x", "name": "x", "size": 5})
    number = (await _create(sandbox, HASH)).json["data"]["torrent_id"]
    for other in range(5):
        await _create(sandbox, f"{other:040x}")
    await sandbox.advance(3)
    await sandbox.fault("torbox", "quota", call="*/createtorrent", times=2)
    query = {"token": TOKEN, "torrent_id": number}
    link = (await sandbox.call("GET", "/torbox/v1/api/torrents/requestdl", query=query)).json["data"]
    body = (await sandbox.call("GET", link)).body
    truth = f"/transfers?provider=torbox&token={TOKEN}"
    before = [await sandbox.control("GET", path) for path in (truth, "/clock", "/faults", "/calls", "/limits")]
    await _kill(child)

    child, sandbox = await start(port)
    after = [await sandbox.control("GET", path) for path in (truth, "/clock", "/faults", "/calls", "/limits")]
    assert after == before
    assert (await sandbox.call("GET", link)).body == body, "links given out before still open"
    assert (await sandbox.control("GET", f"/content/{HASH}"))["name"] == "Box"
    assert (await sandbox.control("GET", "/hosters?url=https://h.test/x"))["size"] == 5
    assert (await _create(sandbox, "d4" * 20)).json["error"] == "MONTHLY_LIMIT"
    await _kill(child)


async def test_limit_counters_survive_a_kill(start: Start):
    child, sandbox = await start(0)
    await sandbox.control("POST", "/clock", {"rate": 0})
    path = "/realdebrid/rest/1.0/user"
    for _ in range(250):
        await sandbox.call("GET", path, token=TOKEN)
    await _kill(child)
    child, sandbox = await start(0)
    assert (await sandbox.call("GET", path, token=TOKEN)).status == 429
    assert (await sandbox.call("GET", path, token="sandbox-else")).status == 200
    await _kill(child)


async def test_an_acknowledged_transfer_is_never_lost(start: Start):
    """Kill while creates are under way: what was answered is there afterwards."""
    child, sandbox = await start(0)
    await sandbox.control("POST", "/limits", {"provider": "*", "enabled": False})
    answered: list[str] = []

    async def create() -> None:
        for number in range(10_000):
            info_hash = f"{number:040x}"
            reply = await _create(sandbox, info_hash)
            if reply.status == 200:
                answered.append(info_hash)

    creating = asyncio.create_task(create())
    while len(answered) < 50:
        await asyncio.sleep(0.01)
    await _kill(child)
    await asyncio.gather(creating, return_exceptions=True)
    child, sandbox = await start(0)
    rows = (await sandbox.control("GET", f"/transfers?provider=torbox&token={TOKEN}"))["items"]
    found = [row["info_hash"] for row in rows]
    assert len(answered) >= 50
    assert set(answered) <= set(found)
    assert len(found) == len(set(found)) <= len(answered) + 1
    await _kill(child)


async def test_a_stopped_server_starts_again_on_its_folder(tmp_path: Path):
    async with SandboxServer(tmp_path) as server:
        assert server.url.startswith("http://127.0.0.1:")
        await Caller(server.url).define(HASH, name="Box")
    async with SandboxServer(tmp_path) as server:
        assert (await Caller(server.url).control("GET", f"/content/{HASH}"))["name"] == "Box"
        await server.stop()
        await server.stop()


async def test_without_a_folder_nothing_is_kept():
    async with SandboxServer() as server:
        await Caller(server.url).define(HASH, name="Box")
    async with SandboxServer() as server:
        assert (await Caller(server.url).control("GET", f"/content/{HASH}"))["name"] != "Box"


async def test_an_occupied_port_is_an_error():
    async with SandboxServer() as server:
        other = SandboxServer(port=int(server.url.rpartition(":")[2]))
        try:
            await other.start()
        except OSError:
            return
        await other.stop()
        raise AssertionError("two servers on one port")
