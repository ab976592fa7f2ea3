"""Two workers on one data folder: when the one that holds the engines dies, the other goes on with its downloads."""

import asyncio
from pathlib import Path

import pytest
from tests.faults.server import Server
from tests.faults.test_library_crashes import ended_right
from tests.swarm_fixtures import make_seed, seeding


@pytest.mark.timeout(300)
async def test_a_second_worker_takes_over_in_mid_download(server: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path / "seed", {"film.mkv": 12_000_000, "extras/notes.txt": b"seen"})
    other = Server(server.data, dict(server.environment))
    async with seeding(seed, rate=1_500_000) as peer:
        await server.start()
        await other.start()
        try:
            _, job = await other.call("POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
            async with asyncio.timeout(60):
                while job["progress_pct"] < 20:
                    await asyncio.sleep(0.2)
                    _, job = await other.call("GET", f"/v1/torrents/{job['id']}")
            assert job["status"] == "downloading", "the first worker has not finished it"
            await server.kill()
            await ended_right(other, seed, job["id"])
            assert "takes them over" in other.log()
        finally:
            await other.stop()
