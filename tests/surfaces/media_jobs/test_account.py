"""``/metadata``, ``/usage`` with its quota, and the dashboard's feed (sheet, sections 8, 10 and 13)."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from tests.media.site import Site
from tests.surfaces.media_jobs.conftest import Person, World

from sluicegate.core.media_jobs import MediaState
from sluicegate.core.users import UserLimits

GIB = 1 << 30


async def test_metadata_reads_a_page_and_makes_no_job(person: Person, site: Site, clip: Path):
    site.put("/clip.mp4", clip)
    page = site.page("/watch", '<video src="/clip.mp4"></video>', title="A page")
    facts = await person.call("POST", "/metadata", {"url": page})
    assert set(facts) == {
        "title", "duration", "width", "height", "extractor", "uploader", "thumbnail", "description", "view_count",
        "like_count", "upload_date", "filesize_approx",
    }  # fmt: skip
    assert (facts["title"], facts["uploader"]) == ("A page", None)
    assert (await person.call("GET", "/jobs"))["total"] == 0


async def test_metadata_of_a_plain_file_comes_from_its_first_bytes(person: Person, site: Site, clip: Path):
    facts = await person.call("POST", "/metadata", {"url": site.put("/My-film.mp4", clip)})
    known = {name: value for name, value in facts.items() if value is not None}
    assert known.pop("duration") == pytest.approx(2.0, abs=0.1)
    assert known == {
        "title": "My-film", "width": 640, "height": 360, "extractor": "generic", "filesize_approx": clip.stat().st_size,
    }  # fmt: skip


async def test_metadata_of_what_cannot_be_read(person: Person, site: Site):
    for body in ({"url": "file:///etc/passwd"}, {}, {"url": site.url + "/gone"}, {"url": "http://10.0.0.1/x"}):
        assert set(await person.call("POST", "/metadata", body, status=400)) == {"error"}


async def test_usage_of_a_plain_key(person: Person, site: Site, clip: Path):
    nothing = {"storage_usage_gb": 0.0, "storage_reserved_gb": 0.0, "storage_effective_usage_gb": 0.0}
    assert await person.call("GET", "/usage") == {"client_name": person.name, "usage_count": 0} | nothing
    await person.done(site.put("/a.mp4", clip))
    usage = await person.call("GET", "/usage")
    assert usage["usage_count"] == 1
    size = round(clip.stat().st_size / GIB, 4)
    assert (usage["storage_usage_gb"], usage["storage_reserved_gb"]) == (size, 0.0)


async def test_a_used_up_quota_refuses_new_jobs(world: World, site: Site, clip: Path):
    size = clip.stat().st_size
    person = await world.person(UserLimits(storage_bytes=size))
    assert (await person.done(site.put("/a.mp4", clip)))["status"] == "Completed"

    usage = await person.call("GET", "/usage")
    assert (usage["storage_limit_bytes"], usage["storage_remaining_gb"]) == (size, 0.0)
    for path, body in (
        ("/jobs", {"url": f"{site.url}/a.mp4"}),
        ("/jobs/bulk", {"jobs": [{"url": f"{site.url}/a.mp4"}]}),
    ):
        refused = await person.call("POST", path, body, status=403)
        shown = f"{size / GIB:.2f}"
        assert refused == {
            "error": "Storage quota exceeded", "limit_gb": shown, "used_gb": shown,
            "message": f"This API key has a {float(shown):g} GB limit and has used {shown} GB",
        }  # fmt: skip


async def test_a_job_that_does_not_fit_fails_before_it_is_fetched(world: World, site: Site, clip: Path):
    person = await world.person(UserLimits(storage_bytes=clip.stat().st_size - 1))
    job = await person.done(site.put("/a.mp4", clip))
    assert (job["status"], job["error_type"]) == ("Failed", "error")
    assert "Storage quota exceeded" in job["error"]
    assert world.stored(person) == {}


async def test_limits_of_size_length_and_resolution(world: World, site: Site, clip: Path):
    limits = UserLimits(max_bytes=1000, max_duration=600, max_resolution="720")
    person = await world.person(limits)
    usage = await person.call("GET", "/usage")
    assert usage["max_resolution_limit"] == "720"
    assert usage["max_duration_limit_seconds"] == 600
    assert (usage["max_filesize_limit_bytes"], usage["max_filesize_limit_mb"]) == (1000, 0.0)
    job = await person.done(site.put("/a.mp4", clip))
    assert job["status"] == "Failed"
    assert "1,000 at most" in job["error"]


async def test_the_dashboard(person: Person, site: Site, clip: Path):
    done = await person.done(site.put("/a.mp4", clip))
    await person.done(site.url + "/gone.mp4")
    bulk = {"jobs": [{"url": "https://x.example/v.mp4"}], "paused": True, "folder": "f"}
    batch = await person.call("POST", "/jobs/bulk", bulk)

    stats = await person.call("GET", "/dashboard/stats")
    assert stats.pop("avg_processing_time_seconds") >= 0
    size = clip.stat().st_size
    assert stats == {
        "total_jobs": 3, "pending_jobs": 1, "processing_jobs": 0, "completed_jobs": 1, "failed_jobs": 1,
        "storage_used_bytes": size, "storage_used_gb": round(size / GIB, 4), "client_name": person.name,
        "today_throughput_bytes": size,
    }  # fmt: skip
    jobs = await person.call("GET", "/dashboard/jobs?status=completed")
    assert (jobs["total"], jobs["limit"], jobs["offset"]) == (1, 50, 0)
    assert jobs["jobs"] == [
        {"id": done["id"], "url": done["url"], "status": "Completed", "error": None, "s3_key": "videos/a.mp4",
         "created_at": done["created_at"]}
    ]  # fmt: skip
    assert (await person.call("GET", "/dashboard/batches"))["batches"] == [
        {"id": batch["batch_id"], "show_url": None, "folder": "f", "total_episodes": 1, "completed_episodes": 0,
         "failed_episodes": 0, "status": "paused"}
    ]  # fmt: skip
    days = (await person.call("GET", "/dashboard/daily"))["daily_stats"]
    assert len(days) == 7
    today = next(day for day in days if day["date"] == datetime.now(UTC).date().isoformat())
    assert (today["completed"], today["failed"]) == (1, 1)


async def test_the_dashboard_names_no_program_of_ours(world: World, person: Person):
    bulk = {"jobs": [{"url": "https://x.example/v.mp4"}], "paused": True}
    job_id = (await person.call("POST", "/jobs/bulk", bulk))["job_ids"][0]
    async with world.transactions() as tx:
        job = await tx.media_jobs.get(UUID(job_id), lock=True)
        words = "yt-dlp, YT-DLP or yt_dlp could not read the page."
        await tx.media_jobs.update(replace(job, state=MediaState.FAILED, error=words, error_code="extraction_failed"))
    (row,) = (await person.call("GET", "/dashboard/jobs?status=failed"))["jobs"]
    assert row["error"] == "downloader, downloader or downloader could not read the page."
