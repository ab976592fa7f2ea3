"""kill -9 at every step of a job's way through submit, cascade, re-cascade and back: one job, nothing twice."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.faults.server import Server

from sluicegate.settings import Settings
from sluicegate.wiring.sandbox import sandbox_server

HASH = "ca5c" * 10
CONTENT = {"info_hash": HASH, "name": "Film", "files": [{"path": "film.mkv", "size": 1000}], "seconds_to_ready": 100}
SETTINGS = {
    "SLUICEGATE_EGRESS_ALLOW": "",
    "SLUICEGATE_RECASCADE_STALLED_SECONDS": "2",
    "SLUICEGATE_RECASCADE_QUEUED_SECONDS": "2",
    "SLUICEGATE_RECASCADE_LEFTOVER_SECONDS": "1",
}


class Providers:
    """The sandbox of an installation, in this process: it outlives the servers that die."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        async with self.session.request(method, f"{self.url}/_control/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()  # type: ignore[no-any-return]

    async def transfers(self) -> list[int]:
        """How many transfers of the job there are at each provider."""
        counts = []
        for provider in ("torbox", "premiumize"):
            found = await self.control("GET", f"transfers?provider={provider}&token=sandbox-{provider}")
            assert all(row["info_hash"] == HASH for row in found["items"])
            counts.append(len(found["items"]))
        return counts


@pytest.fixture
async def providers(server: Server) -> AsyncIterator[Providers]:
    server.environment |= SETTINGS
    server.data.mkdir(mode=0o711)
    async with sandbox_server(Settings(data_dir=server.data)) as url, aiohttp.ClientSession() as session:
        yield Providers(url, session)


async def test_a_job_outlives_kill_9_at_every_step_of_its_way(server: Server, providers: Providers):
    await providers.control("POST", "limits", {"provider": "*", "enabled": False})
    await providers.control("POST", "clock", {"rate": 0})
    await providers.control("POST", "content", CONTENT)

    async def dies_at(point: str) -> None:
        """Starts the server, which goes on with the job and dies at the point."""
        await server.start(crash_at=point, options=("--sandbox",))
        assert await server.died(180) == -9

    await server.start(crash_at="intended", options=("--sandbox",))
    assert server.sandbox == providers.url
    for provider in ("torbox", "premiumize"):
        await server.account(provider, f"sandbox-{provider}")
    await server.key("library")
    with contextlib.suppress(aiohttp.ClientError):
        await server.call("POST", "/v1/torrents", {"magnet": HASH})
    assert await server.died() == -9
    assert await providers.transfers() == [0, 0]

    await dies_at("created")
    assert await providers.transfers() == [1, 0]
    await dies_at("placed")
    assert await providers.transfers() == [1, 0], "what was made before the crash is found again"
    await dies_at("leaving")
    assert await providers.transfers() == [1, 0]
    await providers.control("POST", "clock", {"advance_seconds": 50})
    await dies_at("created")
    assert await providers.transfers() == [1, 1]
    await dies_at("placed")
    assert await providers.transfers() == [1, 1], "nor is it made twice at the next one, and the old one stays"
    await providers.control("POST", "clock", {"advance_seconds": 60})
    await dies_at("switched")

    await server.start(options=("--sandbox",))
    _, listed = await server.call("GET", "/v1/torrents")
    (job,) = listed["items"]
    ready = await server.until(f"/v1/torrents/{job['id']}", "status", {"ready", "failed", "cancelled"}, seconds=180)
    assert (ready["status"], ready["external_source"]) == ("ready", "torbox")
    assert await providers.transfers() == [1, 1]
    _, trace = await server.call("GET", f"/v1/torrents/{job['id']}/trace")
    moves = {"accepted", "stalled", "left", "lost", "failed", "finished"}
    story = [(e["rung"], e["verdict"], e["rule"]) for e in trace["items"] if e["verdict"] in moves]
    assert story[:5] == [
        ("torbox (main)", "accepted", "own-in-order"),
        ("torbox (main)", "stalled", "no-metadata"),
        ("torbox (main)", "left", "moved-on"),
        ("premiumize (main)", "accepted", "own-in-order"),
        ("torbox (main)", "accepted", "ready-first"),
    ]
    assert ("torbox (main)", "finished", "transfer-ready") in story
