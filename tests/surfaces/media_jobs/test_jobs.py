"""Jobs: created with every option, shown whole, listed, cancelled, repeated, deleted (sheet, sections 1 to 6)."""

import asyncio
import re
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest
from tests.media.site import Site
from tests.surfaces.media_jobs.conftest import Person, World

ALWAYS = {"id", "url", "status", "s3_url", "subtitle_url", "error", "step", "created_at", "progress"}
MEASURED = {
    "title": str,
    "download_speed_mbps": float,
    "upload_speed_mbps": float,
    "download_duration_ms": int,
    "mux_duration_ms": int,
    "upload_duration_ms": int,
    "total_duration_ms": int,
    "metadata_duration_ms": int,
    "precheck_duration_ms": int,
    "queue_wait_ms": int,
    "file_size": int,
    "native_video_codec": str,
    "native_audio_codec": str,
    "download_strategy": str,
    "download_retries": int,
    "upload_retries": int,
    "requested_quality": str,
    "actual_quality": str,
    "finished_at": int,
}
EVERYTHING = {
    "format": "mkv",
    "video_codec": "h264",
    "audio_codec": "mp3",
    "audio_bitrate": "128k",
    "video_quality": 30,
    "filename": "A name",
    "folder": "some/folder",
    "webhook_url": "https://hooks.example/x",
    "audio_only": False,
    "download_subtitles": True,
    "download_thumbnail": True,
    "quality_preset": "low",
    "max_resolution": "360",
    "clip_start": "0",
    "clip_end": "00:00:01",
    "live_recording": False,
    "live_from_start": False,
    "max_duration": 60,
    "wait_for_video": False,
    "enable_progress_webhook": True,
    "paused": False,
    "priority": 3,
}


async def test_a_direct_file_is_stored_as_it_is(world: World, person: Person, site: Site, clip: Path):
    job = await person.done(site.put("/film/My%20film.mp4".replace("%20", "-"), clip))

    assert job["status"] == "Completed", job
    assert {name: type(job[name]) for name in MEASURED} == MEASURED
    assert job["download_strategy"] == "direct"
    assert (job["native_video_codec"], job["native_audio_codec"], job["actual_quality"]) == ("avc1", "mp4a", "360p")
    assert job["file_size"] == clip.stat().st_size
    assert job["s3_url"].startswith("https://media.example/bytes/")
    assert (job["step"], job["progress"], job["error"]) == ("Finished", 1.0, None)
    stored = world.stored(person)
    assert list(stored) == ["videos/My-film.mp4"]
    assert stored["videos/My-film.mp4"].read_bytes() == clip.read_bytes()
    assert not (world.data / "media" / job["id"]).exists(), "no work folder: the bytes never touched it"


async def test_every_option_at_once(world: World, person: Person, site: Site, clip: Path):
    site.put("/clip.mp4", clip)
    page = site.page("/watch", '<video src="/clip.mp4" poster="/none.jpg"></video>', title="Named by its page")

    job = await person.done(page, **EVERYTHING)

    assert job["status"] == "Completed", job
    assert ALWAYS | set(MEASURED) - {"subtitle_duration_ms"} <= set(job)
    assert job["folder"] == "some/folder"
    assert job["title"] == "Named by its page"
    assert list(world.stored(person)) == ["videos/some/folder/A name.mkv"]
    assert {"io_wait_ms", "cpu_wait_ms", "upload_wait_ms", "subtitle_duration_ms"} <= set(job)


async def test_urls_are_signed_afresh_on_every_read(person: Person, site: Site, clip: Path):
    job = await person.done(site.put("/a.mp4", clip))
    await asyncio.sleep(1.1)
    again = await person.call("GET", f"/jobs/{job['id']}")
    assert again["s3_url"] != job["s3_url"]


async def test_a_pending_job_shows_the_seven_keys(person: Person, site: Site):
    batch = await person.call("POST", "/jobs", {"url": site.url + "/x.mp4", "paused": True})
    job = await person.call("GET", f"/jobs/{batch['episode_jobs'][0]}")
    assert set(job) == ALWAYS | {"batch_id"}
    assert (job["status"], job["step"], job["s3_url"], job["subtitle_url"], job["error"]) == (
        "Pending", "Queued", None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("page", "state", "kind"),
    [("<p>nothing</p>", "Skipped", "warning"), (None, "Warning", "warning")],
    ids=["no media", "gone"],
)
async def test_how_content_problems_end(person: Person, site: Site, page: str | None, state: str, kind: str):
    job = await person.done(site.page("/p", page) if page else site.url + "/gone")
    assert (job["status"], job["error_type"]) == (state, kind), job
    assert job["error"]
    assert job["finished_at"] >= job["created_at"]


async def test_an_exe_served_as_video_is_skipped(person: Person, site: Site):
    """T22: what is stored is told by its bytes, never by a name or a header."""
    job = await person.done(site.put("/film.mp4", b"MZ" + bytes(5000)))
    assert (job["status"], job["error_type"]) == ("Skipped", "warning"), job


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "avi"),
        ("format", 3),
        ("video_codec", "xvid"),
        ("audio_codec", "flac"),
        ("audio_bitrate", "100k"),
        ("video_quality", 52),
        ("video_quality", -1),
        ("video_quality", "23"),
        ("quality_preset", "ultra"),
        ("max_resolution", "8k"),
        ("max_resolution", 720),
        ("filename", "a/b"),
        ("filename", "a\\b"),
        ("filename", ".."),
        ("filename", "a\0b"),
        ("filename", "x" * 256),
        ("folder", ""),
        ("folder", "   "),
        ("folder", "../up"),
        ("folder", "/root"),
        ("folder", "\\root"),
        ("folder", "x" * 201),
        ("clip_start", "soon"),
        ("clip_start", "1:2:3:4"),
        ("clip_end", "-5"),
        ("max_duration", 0),
        ("audio_only", "yes"),
        ("webhook_url", "ftp://hooks.example/"),
        ("webhook_url", "not a url"),
        ("enable_progress_webhook", True),
        ("storage", "s3"),
        ("priority", 10),
        ("exec", "id"),
        ("url", "file:///etc/passwd"),
        ("url", "--exec=id"),
        ("url", 7),
    ],
)
async def test_a_wrong_value_is_refused_and_named(person: Person, field: str, value: object):
    """T19: no option of the page reader can be given; an unknown field is an error, not an order."""
    answer = await person.call("POST", "/jobs", {"url": "https://x.example/v.mp4"} | {field: value}, status=400)
    assert field in answer["error"].lower().replace("folder name", "folder"), answer


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"audio_only": True, "format": "mp4"}, "format"),
        ({"format": "webm", "video_codec": "h264"}, "video_codec"),
        ({"format": "webm", "audio_codec": "aac"}, "audio_codec"),
        ({"format": "mp3", "audio_codec": "opus"}, "audio_codec"),
        ({"audio_only": True, "video_codec": "h264"}, "video_codec"),
        ({"clip_start": "10", "clip_end": "10"}, "clip_end"),
        ({"clip_start": "00:01:00", "clip_end": "59"}, "clip_end"),
    ],
)
async def test_a_wrong_combination_is_refused_and_named(person: Person, options: dict[str, object], field: str):
    answer = await person.call("POST", "/jobs", {"url": "https://x.example/v.mp4"} | options, status=400)
    assert answer["error"].startswith(field), answer


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folder": "x" * 201}, "Folder name too long (max 200 characters)"),
        ({"folder": "a/../b"}, "Folder name cannot contain '..'"),
        ({"clip_start": "9", "clip_end": "8"}, "clip_end must be greater than clip_start"),
        ({"filename": "x" * 256}, "Filename too long (max 255 characters)"),
    ],
)
async def test_the_contracts_own_sentences(person: Person, options: dict[str, object], words: str):
    answer = await person.call("POST", "/jobs", {"url": "https://x.example/v.mp4"} | options, status=400)
    assert answer == {"error": words}


async def test_a_clip_beyond_the_end_fails_with_a_reason(person: Person, site: Site, clip: Path):
    job = await person.done(site.put("/c.mp4", clip), clip_start="1:00")
    assert (job["status"], job["error_type"]) == ("Failed", "error")
    assert "beyond the end" in job["error"]


async def test_hostile_titles_stay_inside(world: World, person: Person, site: Site, clip: Path):
    """T15: a title never becomes a path; all pages at once, since each costs a child process."""
    site.put("/clip.mp4", clip)
    names = ["../../../etc/cron.d/x", "CON", "a\u202egpj.exe", "x" * 400, "..", "&#0;", "nul."]
    pages = [
        {"url": site.page(f"/w{number}", '<video src="/clip.mp4"></video>', title=name)}
        for number, name in enumerate(names)
    ]
    batch = await person.call("POST", "/jobs/bulk", {"jobs": pages, "format": "mkv"})
    assert (await person.batch_over(batch["batch_id"]))["status"] == "completed"
    keys = list(world.stored(person))
    assert len(keys) == len(names)
    for key in keys:
        assert re.fullmatch(r"videos/[^/]{1,255}\.mkv", key)
        assert len(key.encode()) < 300


async def test_keys(world: World, person: Person):
    async with httpx.AsyncClient(base_url=world.url) as client:
        missing = await client.get("/jobs")
        wrong = await client.get("/jobs", headers={"x-api-key": "sk_" + "x" * 32})
    assert (missing.status_code, missing.json()) == (401, {"error": "Missing x-api-key header"})
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Invalid API Key"})
    other = await world.person()
    batch = await person.call("POST", "/jobs/bulk", {"jobs": [{"url": "https://x.example/v.mp4"}], "paused": True})
    for path, what in ((f"/jobs/{batch['job_ids'][0]}", "Job"), (f"/batch/{batch['batch_id']}", "Batch")):
        assert await other.call("GET", path, status=404) == {"error": f"{what} not found"}
    assert await person.call("GET", f"/jobs/{uuid4()}", status=404) == {"error": "Job not found"}
    assert await person.call("GET", "/batch/nonsense", status=404) == {"error": "Batch not found"}


async def test_the_list(person: Person, site: Site, clip: Path):
    done = await person.done(site.put("/a.mp4", clip))
    bulk = {"jobs": [{"url": f"https://x.example/{n}.mp4"} for n in range(2)], "paused": True}
    batch = await person.call("POST", "/jobs/bulk", bulk)

    listed = await person.call("GET", "/jobs")
    assert (listed["total"], listed["limit"], listed["offset"]) == (3, 20, 0)
    assert {job["id"] for job in listed["jobs"][:2]} == set(batch["job_ids"])
    assert listed["jobs"][2] == {
        "id": done["id"], "url": done["url"], "status": "Completed", "s3_key": "videos/a.mp4", "error": None,
        "step": "Finished", "created_at": done["created_at"], "finished_at": done["finished_at"],
        "file_size": clip.stat().st_size,
    }  # fmt: skip
    waiting = listed["jobs"][0]
    assert (waiting["s3_key"], waiting["finished_at"], waiting["file_size"]) == (None, None, None)
    filtered = await person.call("GET", "/jobs?status=completed")
    assert ([job["id"] for job in filtered["jobs"]], filtered["total"]) == ([done["id"]], 3)
    page = await person.call("GET", "/jobs?limit=1&offset=2")
    assert [job["id"] for job in page["jobs"]] == [done["id"]]
    assert (await person.call("GET", "/jobs?limit=5000"))["limit"] == 100
    await person.call("GET", "/jobs?status=unheard", status=400)
    await person.call("GET", "/jobs?offset=-1", status=400)


async def test_cancel(person: Person):
    bulk = {"jobs": [{"url": "https://x.example/v.mp4"}], "paused": True}
    job_id = (await person.call("POST", "/jobs/bulk", bulk))["job_ids"][0]
    assert await person.call("DELETE", f"/jobs/{job_id}") == {
        "message": "Job cancelled successfully", "job_id": job_id,
    }  # fmt: skip
    job = await person.call("GET", f"/jobs/{job_id}")
    assert (job["status"], job["error"], job["error_type"]) == ("Failed", "Job cancelled by user", "error")
    refused = {"error": "Job cannot be cancelled (not in queue or already processing)"}
    assert await person.call("DELETE", f"/jobs/{job_id}", status=400) == refused
    assert await person.call("DELETE", f"/jobs/{job_id}?force=true", status=400) == refused


async def test_a_job_at_work_is_ended_with_all_its_processes(world: World, person: Person, site: Site, clip: Path):
    """T21: the whole group dies, and the job stays cancelled."""
    site.put("/slow.ts", b"G" + bytes(187) * 9, drip=0.05)
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9.0,\nslow.ts\n#EXT-X-ENDLIST\n"
    job_id = await person.submit(site.put("/l.m3u8", playlist))
    async with asyncio.timeout(60):
        while "/slow.ts" not in site.paths:
            await asyncio.sleep(0.05)
    await person.call("DELETE", f"/jobs/{job_id}", status=400)
    folder = str(world.data / "media" / job_id)
    assert _working_in(folder)

    await person.call("DELETE", f"/jobs/{job_id}?force=true")

    async with asyncio.timeout(30):
        while _working_in(folder) or Path(folder).exists():
            await asyncio.sleep(0.1)
    job = await person.call("GET", f"/jobs/{job_id}")
    assert (job["status"], job["error"]) == ("Failed", "Job cancelled by user")


def _working_in(folder: str) -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cwd() == folder:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_retry_makes_a_new_job(person: Person, site: Site, clip: Path):
    old = await person.done(site.url + "/late.mp4", filename="Kept")
    assert old["status"] == "Warning"
    site.put("/late.mp4", clip)

    answer = await person.call("POST", f"/jobs/{old['id']}/retry")

    assert answer | {"job_id": ""} == {
        "job_id": "", "original_job_id": old["id"], "message": "Job re-queued successfully",
    }  # fmt: skip
    job = await person.until(answer["job_id"])
    assert (job["status"], job["original_job_id"]) == ("Completed", old["id"])
    assert (await person.call("GET", f"/jobs/{old['id']}"))["status"] == "Warning"
    assert (await person.call("GET", "/usage"))["usage_count"] == 2
    refused = await person.call("POST", f"/jobs/{job['id']}/retry", status=400)
    assert refused == {"error": "Only failed or warning jobs can be retried"}


async def test_the_file_is_deleted_and_the_job_stays(world: World, person: Person, site: Site, clip: Path):
    job = await person.done(site.put("/d.mp4", clip))
    before = await person.call("GET", "/usage")
    assert await person.call("DELETE", f"/jobs/{job['id']}/file") == {
        "message": "File deleted successfully", "job_id": job["id"], "deleted_key": "videos/d.mp4",
    }  # fmt: skip
    assert world.stored(person) == {}
    after = await person.call("GET", f"/jobs/{job['id']}")
    assert (after["status"], after["s3_url"]) == ("Completed", None)
    assert await person.call("GET", "/usage") == before
    again = await person.call("DELETE", f"/jobs/{job['id']}/file", status=400)
    assert again == {"error": "Job has no file to delete"}


async def test_progress_is_followed_until_the_end(person: Person, site: Site, clip: Path):
    bulk = {"jobs": [{"url": site.put("/e.mp4", clip)}], "paused": True}
    batch = await person.call("POST", "/jobs/bulk", bulk)
    events = []
    async with (
        asyncio.timeout(60),
        person.client.stream("GET", f"/jobs/{batch['job_ids'][0]}/events") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                events.append(line.removeprefix("event: "))
                if len(events) == 1:
                    await person.call("POST", f"/batch/{batch['batch_id']}/start")
            elif line.startswith("data: ") and events[-1] == "over":
                last = line
    assert events[0] == "progress"
    assert events[-1] == "over"
    assert f'"bytes_done":{clip.stat().st_size}' in last
    assert '"status":"Completed"' in last
