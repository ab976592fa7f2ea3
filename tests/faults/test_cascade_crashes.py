"""kill -9 at every step of a job's way through submit, cascade, re-cascade and back: one job, nothing twice."""

import contextlib
from typing import Any

import aiohttp
from tests.faults.server import Server

HASH = "ca5c" * 10
SETTINGS = {
    "SLUICEGATE_EGRESS_ALLOW": "",
    "SLUICEGATE_RECASCADE_STALLED_SECONDS": "2",
    "SLUICEGATE_RECASCADE_QUEUED_SECONDS": "2",
    "SLUICEGATE_RECASCADE_LEFTOVER_SECONDS": "1",
}


class Story:
    """One job on one data folder, whose server dies again and again."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.job = ""
        self.progress: list[float] = []

    async def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.server.sandbox}/_control/{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()  # type: ignore[no-any-return]

    async def transfers(self, provider: str) -> int:
        found = await self.control("GET", f"transfers?provider={provider}&token=sandbox-{provider}")
        assert all(row["info_hash"] == HASH for row in found["items"])
        return len(found["items"])

    async def dies_at(self, point: str) -> None:
        """Starts the server, which goes on with the job and dies at the point."""
        await self.server.start(crash_at=point, options=("--sandbox",))
        assert await self.server.died(90) == -9

    async def holds(self, **counted: int) -> None:
        """Looks at the providers, with a server that does nothing by itself."""
        await self.server.start(options=("--sandbox", "--role", "web"))
        assert {provider: await self.transfers(provider) for provider in counted} == counted
        _, body = await self.server.call("GET", "/v1/torrents")
        ids = [item["id"] for item in body["items"]]
        self.job = self.job or ids[0]
        assert ids == [self.job]
        self.progress.append(body["items"][0]["progress_pct"])

    async def verdicts(self, verdict: str) -> int:
        return len([entry for entry in await self.trace() if entry["verdict"] == verdict])

    async def trace(self) -> list[dict[str, Any]]:
        _, body = await self.server.call("GET", f"/v1/torrents/{self.job}/trace")
        return body["items"]  # type: ignore[no-any-return]


async def test_a_job_outlives_kill_9_at_every_step_of_its_way(server: Server):
    server.environment |= SETTINGS
    story = Story(server)
    await server.start(crash_at="intended", options=("--sandbox",))
    await story.control("POST", "limits", {"provider": "*", "enabled": False})
    await story.control("POST", "clock", {"rate": 0})
    content = {
        "info_hash": HASH,
        "name": "Film",
        "files": [{"path": "film.mkv", "size": 1000}],
        "seconds_to_ready": 100,
    }
    await story.control("POST", "content", content)
    for provider in ("torbox", "premiumize"):
        await server.cli("accounts", "add", "--provider", provider, "--token", f"sandbox-{provider}")
    await server.key("library")
    with contextlib.suppress(aiohttp.ClientError):
        await server.call("POST", "/v1/torrents", {"magnet": HASH})
    assert await server.died() == -9

    await story.dies_at("created")
    await story.holds(torbox=1, premiumize=0)
    assert await story.verdicts("accepted") == 0, "the row does not know it, and the trace does not say so"
    await server.kill()
    await story.dies_at("placed")
    await story.holds(torbox=1, premiumize=0)
    assert await story.verdicts("accepted") == 1
    await server.kill()

    await story.dies_at("leaving")
    await story.holds(torbox=1, premiumize=0)
    assert await story.verdicts("stalled") == 1
    await story.control("POST", "clock", {"advance_seconds": 50})
    await server.kill()
    await story.dies_at("created")
    await story.holds(torbox=1, premiumize=1)
    await server.kill()
    await story.dies_at("placed")
    await story.holds(torbox=1, premiumize=1)
    last = (await story.trace())[-1]
    assert (last["rung"], last["verdict"]) == ("premiumize (main)", "accepted")
    await story.control("POST", "clock", {"advance_seconds": 60})
    await server.kill()

    await story.dies_at("switched")
    await story.holds(torbox=1, premiumize=1)
    await server.kill()
    await server.start(options=("--sandbox",))
    ready = await server.until(f"/v1/torrents/{story.job}", "status", {"ready", "failed", "cancelled"})
    assert (ready["status"], ready["external_source"]) == ("ready", "torbox")
    assert story.progress == sorted(story.progress)
    accepted = [(e["rung"], e["rule"]) for e in await story.trace() if e["verdict"] == "accepted"]
    assert accepted == [
        ("torbox (main)", "own-in-order"),
        ("premiumize (main)", "own-in-order"),
        ("torbox (main)", "ready-first"),
    ]
    assert (await story.transfers("torbox"), await story.transfers("premiumize")) == (1, 1)
