"""kill -9 at the worst moments of a library job: after the restart it ends right, and nothing is there twice."""

import asyncio
import contextlib
import hashlib
from pathlib import Path

import aiohttp
import pytest
from tests.faults.server import Server
from tests.swarm_fixtures import Seed, make_seed, seeding

FILES = {"film.mkv": 3_000_000, "extras/notes.txt": b"seen"}


def sums_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def ended_right(server: Server, seed: Seed, job_id: str) -> None:
    """The one job is ready, its bytes are the seeder's, and no file is left anywhere twice."""
    job = await server.until(f"/v1/torrents/{job_id}", "status", {"ready", "failed", "cancelled"})
    assert job["status"] == "ready", job
    _, listed = await server.call("GET", "/v1/torrents")
    assert [item["id"] for item in listed["items"]] == [job_id]
    assert len(job["files"]) == len(seed.files)
    async with aiohttp.ClientSession() as session:
        for file in job["files"]:
            _, answer = await server.call("GET", f"/v1/torrents/{job_id}/files/{file['id']}/stream")
            async with session.get(answer["url"]) as stream:
                digest = hashlib.sha256(await stream.read()).hexdigest()
            assert digest in seed.files.values()
    stored = sums_of(server.data / "files" / "torrents" / seed.info_hash)
    assert sorted(stored.values()) == sorted(seed.files.values())
    assert await left_over(server) == []


async def left_over(server: Server) -> list[str]:
    """Torrent data outside the storage; the engine may need a moment to let go."""
    found: list[str] = []
    for _ in range(100):
        found = [str(p) for p in (server.data / "swarm").rglob("*") if p.is_file() and p.stat().st_size >= 1_000_000]
        if not found:
            break
        await asyncio.sleep(0.1)
    return found


@pytest.mark.parametrize("point", ["created", "adopted", "finished"])
async def test_a_crash_in_the_worker_between_two_steps(server: Server, tmp_path: Path, point: str):
    seed = await asyncio.to_thread(make_seed, tmp_path / "seed", FILES)
    async with seeding(seed) as peer:
        await server.start(crash_at=point)
        await server.key("library")
        # The worker may die so early that even the answer is lost; the job is accepted all the same.
        with contextlib.suppress(aiohttp.ClientError):
            await server.call("POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
        assert await server.died() == -9
        await server.start()
        status, job = await server.call("POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
        assert status == 200, "the accepted job is found again, not made again"
        await ended_right(server, seed, job["id"])


async def test_a_crash_after_accept_before_the_answer(server: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path / "seed", FILES)
    async with seeding(seed) as peer:
        await server.start(crash_at="accepted")
        with pytest.raises(aiohttp.ClientError):
            await server.call("POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
        assert await server.died() == -9
        await server.start()
        # The client, who got no answer, simply asks again: it is the same job.
        status, job = await server.call("POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
        assert status == 200
        await ended_right(server, seed, job["id"])


async def test_kill_9_in_mid_download(server: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path / "seed", {"film.mkv": 12_000_000, "extras/notes.txt": b"seen"})
    async with seeding(seed, rate=1_500_000) as peer:
        await server.start()
        _, job = await server.call("POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
        job_id = job["id"]
        while job["progress_pct"] < 20:
            await asyncio.sleep(0.2)
            _, job = await server.call("GET", f"/v1/torrents/{job_id}")
        await server.kill()
        await server.start()
        await ended_right(server, seed, job_id)


async def test_kill_9_of_the_database_in_mid_download(server: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path / "seed", {"film.mkv": 8_000_000, "extras/notes.txt": b"seen"})
    async with seeding(seed, rate=1_500_000) as peer:
        await server.start()
        _, job = await server.call("POST", "/v1/torrents", {"magnet": seed.magnet(peer)})
        await asyncio.sleep(1.0)
        server.postmaster().kill()
        await asyncio.sleep(0.5)
        # The server itself brings the database back; nobody restarts anything.
        async with asyncio.timeout(60):
            while (await server.call("GET", f"/v1/torrents/{job['id']}"))[0] != 200:
                await asyncio.sleep(0.2)
        await ended_right(server, seed, job["id"])
