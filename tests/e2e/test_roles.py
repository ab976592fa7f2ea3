"""Web and worker as processes of their own on one data folder: they meet only in the database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests import ready_made
from tests.e2e.client import digests, finished, media_job, submit
from tests.faults.server import Server
from tests.media.site import Site
from tests.swarm_fixtures import make_seed, seeding

FILES = {"film.mkv": 6_000_000, "extras/notes.txt": b"seen"}
WORKER = ("--role", "worker")


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[Path]:
    with ready_made.open_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
async def web(home: Path) -> AsyncIterator[Server]:
    """The installed command on an empty folder, as a user starts it."""
    server = Server(home / "data", installed=True)
    await server.start(options=("--role", "web"))
    yield server
    await server.stop()


@pytest.fixture
async def worker(web: Server) -> AsyncIterator[Server]:
    server = Server(web.data)
    await server.start(options=WORKER)
    yield server
    await server.stop()


async def test_web_accepts_without_a_worker_and_one_that_comes_later_does_the_work(web: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, FILES, name="early")
    async with seeding(seed) as peer:
        status, job = await submit(web, {"magnet": seed.magnet(peer)})
        assert (status, job["status"]) == (201, "queued")
        worker = Server(web.data)
        await worker.start(options=WORKER)
        try:
            job = await finished(web, job["id"])
        finally:
            await worker.stop()
    assert await digests(web, job) == seed.files, "the web process serves what the worker stored"


async def test_a_second_worker_disturbs_nobody(web: Server, worker: Server, site: Site, clip: Path, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, FILES, name="shared")
    second = Server(web.data)
    async with seeding(seed, rate=3_000_000) as peer:
        _, job = await submit(web, {"magnet": seed.magnet(peer)})
        await second.start(options=WORKER)
        try:
            site.put("/clip.mp4", clip)
            media = await media_job(web, site.page("/watch", '<video src="/clip.mp4"></video>'))
            assert media["status"] == "Completed", media
        finally:
            await second.stop()
        job = await finished(web, job["id"])
    assert await digests(web, job) == seed.files


async def test_kill_9_of_the_worker_in_mid_job(web: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, FILES, name="killed")
    worker = Server(web.data)
    await worker.start(options=WORKER)
    async with seeding(seed, rate=1_500_000) as peer:
        _, job = await submit(web, {"magnet": seed.magnet(peer)})
        while job["progress_pct"] < 15:
            await asyncio.sleep(0.1)
            _, job = await web.call("GET", f"/v1/torrents/{job['id']}")
        await worker.kill()
        status, job = await web.call("GET", f"/v1/torrents/{job['id']}")
        assert (status, job["status"]) == (200, "downloading"), "the web process does not even notice"
        await worker.start(options=WORKER)
        try:
            job = await finished(web, job["id"])
        finally:
            await worker.stop()
    assert await digests(web, job) == seed.files
    stored = [path for path in (web.data / "files" / "torrents" / seed.info_hash).rglob("*") if path.is_file()]
    assert len(stored) == len(seed.files)


async def test_a_media_job_outlives_its_killed_worker(web: Server, site: Site, clip: Path):
    site.put("/slow.mp4", clip, drip=0.02)
    page = site.page("/watch", '<video src="/slow.mp4"></video>')
    worker = Server(web.data)
    await worker.start(options=WORKER)
    _, accepted = await submit(web, {"url": page}, media=True)
    async with asyncio.timeout(60):
        while "/slow.mp4" not in site.paths:
            await asyncio.sleep(0.1)
    await worker.kill()
    site.put("/slow.mp4", clip)
    await worker.start(options=WORKER)
    try:
        over = {"Completed", "Failed", "Warning", "Skipped"}
        job = await web.until(f"/jobs/{accepted['job_id']}", "status", over, kind="media")
    finally:
        await worker.stop()
    assert (job["status"], job["error"]) == ("Completed", None)
