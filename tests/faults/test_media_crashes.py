"""kill -9 in a media job: after the restart it ends as if nothing had happened, with one file and no left-overs."""

import asyncio
from pathlib import Path

import pytest
from tests.faults.server import Server
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Site


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(*picture("640x360", 3), *tone(3), *X264, "-c:a", "aac", path)
    return path


async def ended_right(server: Server, job_id: str) -> None:
    """Completed, one stored file with its promised size, an empty work folder, and no second job."""
    job = await server.until(f"/jobs/{job_id}", "status", {"Completed", "Failed", "Warning", "Skipped"}, kind="media")
    assert job["status"] == "Completed", (job["error"], job, server.log()[-3000:])
    files = [path for path in (server.data / "files" / "media").rglob("*") if path.is_file()]
    assert [path.stat().st_size for path in files] == [job["file_size"]]
    assert await left_over(server) == []
    _, listed = await server.call("GET", "/jobs", kind="media")
    assert [item["id"] for item in listed["jobs"]] == [job_id]


async def left_over(server: Server) -> list[Path]:
    """What is still in the work folders; the worker tidies up right after the job is completed."""
    found: list[Path] = []
    for _ in range(100):
        found = [path for path in (server.data / "media").rglob("*") if path.is_file()]
        if not found:
            break
        await asyncio.sleep(0.1)
    return found


@pytest.mark.parametrize("point", ["fetched", "kept"])
async def test_a_crash_between_two_steps(server: Server, clip: Path, point: str):
    with Site.running() as site:
        site.put("/clip.mp4", clip)
        page = site.page("/watch", '<video src="/clip.mp4"></video>')
        await server.start(crash_at=point)
        _, accepted = await server.call("POST", "/jobs", {"url": page}, kind="media")
        assert await server.died() == -9
        await server.start()
        await ended_right(server, accepted["job_id"])


async def test_kill_9_in_mid_download_ends_the_children_and_the_restart_goes_on(server: Server, clip: Path):
    with Site.running() as site:
        site.put("/slow.mp4", clip, drip=0.02)
        page = site.page("/watch", '<video src="/slow.mp4"></video>')
        await server.start()
        _, accepted = await server.call("POST", "/jobs", {"url": page}, kind="media")
        path = f"/jobs/{accepted['job_id']}"
        await server.until(path, "step", {"Downloading"}, kind="media")
        async with asyncio.timeout(60):
            while "/slow.mp4" not in site.paths:
                await asyncio.sleep(0.1)
        await server.kill()
        site.put("/slow.mp4", clip)
        await server.start()
        await ended_right(server, accepted["job_id"])


async def test_kill_9_while_a_plain_file_streams_to_the_storage(server: Server, clip: Path):
    """Nothing partial is left in the storage, and the job begins again with the file that is there then."""
    with Site.running() as site:
        url = site.put("/slow.mp4", clip, drip=0.02)
        await server.start()
        _, accepted = await server.call("POST", "/jobs", {"url": url}, kind="media")
        async with asyncio.timeout(60):
            while not (await server.call("GET", f"/jobs/{accepted['job_id']}", kind="media"))[1].get("bytes_done"):
                await asyncio.sleep(0.1)
        await server.kill()
        site.put("/slow.mp4", clip)
        await server.start()
        await ended_right(server, accepted["job_id"])


async def test_kill_9_while_a_plain_file_is_saved_here_and_the_restart_fetches_only_the_rest(server: Server):
    body = bytes.fromhex("0000001c66747970") + b"isom" + bytes(16) + bytes(range(256)) * 8192
    ranges = {"ETag": '"one"', "Accept-Ranges": "bytes"}
    with Site.running() as site:
        url = site.put("/large.mp4", body, headers=ranges, stops_at=1 << 20)
        await server.start()
        _, accepted = await server.call("POST", "/jobs", {"url": url}, kind="media")
        kept = server.data / "media" / accepted["job_id"] / "plain"
        async with asyncio.timeout(60):
            while not kept.exists() or kept.stat().st_size < 1 << 19:
                await asyncio.sleep(0.1)
        await server.kill()
        site.put("/large.mp4", body, headers=ranges)
        site.log.clear()
        await server.start()
        await ended_right(server, accepted["job_id"])
        assert next(path for path in (server.data / "files" / "media").rglob("*.mp4")).read_bytes() == body
        begun = [int(headers["range"][6:-1]) for _, headers in site.log if headers.get("range", "").endswith("-")]
        assert begun, site.log
        assert min(begun) >= 1 << 19


async def test_kill_9_in_mid_mux(server: Server, tmp_path: Path):
    film = tmp_path / "film.mp4"
    ffmpeg(*picture("1280x720", 4), *tone(4), *X264, "-c:a", "aac", film)
    with Site.running() as site:
        url = site.put("/film.mp4", film)
        await server.start()
        body = {"url": url, "video_codec": "h265", "quality_preset": "lowest"}
        _, accepted = await server.call("POST", "/jobs", body, kind="media")
        path = f"/jobs/{accepted['job_id']}"
        async with asyncio.timeout(90):
            # In short steps: a fast machine is done with it in a moment.
            while (step := (await server.call("GET", path, kind="media"))[1]["step"]) in {"Queued", "Downloading"}:
                await asyncio.sleep(0.02)
        assert step == "Muxing"
        await server.kill()
        await server.start()
        await ended_right(server, accepted["job_id"])
