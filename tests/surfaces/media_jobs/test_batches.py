"""Batches: bulks, playlist pages, podcast feeds; paused, renamed, started, counted (sheet, sections 3, 7 and 9)."""

import time
from pathlib import Path
from uuid import uuid4

import pytest
from tests.media.site import Site
from tests.surfaces.media_jobs.conftest import Person, World


def feed(site: Site, files: list[str]) -> str:
    items = "".join(
        f'<item><title>Part {number}</title><enclosure url="{url}" type="audio/mpeg"/></item>'
        for number, url in enumerate(files)
    )
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Show</title>{items}</channel></rss>'
    return site.put("/feed.xml", text)


async def test_a_bulk(world: World, person: Person, site: Site, clip: Path):
    jobs = [{"url": site.put(f"/{n}.mp4", clip), "filename": f"Part {n}"} for n in range(3)]
    jobs.append({"url": site.url + "/missing.mp4"})

    bulk = await person.call("POST", "/jobs/bulk", {"jobs": jobs, "folder": "my show"})

    assert set(bulk) == {"batch_id", "total_jobs", "job_ids"}
    assert bulk["total_jobs"] == len(bulk["job_ids"]) == 4
    assert await person.batch_over(bulk["batch_id"]) == {
        "id": bulk["batch_id"], "show_url": None, "status": "finished", "folder": "my show", "total_episodes": 4,
        "completed_episodes": 3, "failed_episodes": 1, "episode_jobs": bulk["job_ids"],
    }  # fmt: skip
    assert sorted(world.stored(person)) == [f"videos/my show/Part {n}.mp4" for n in range(3)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"jobs": []}, "jobs must hold at least one job"),
        ({"jobs": [{"url": "https://x.example/v.mp4"}] * 101}, "Maximum 100 jobs per bulk request"),
        ({"jobs": [{"url": "https://x.example/v.mp4"}, {"url": "ftp://x"}]}, "jobs[1].url"),
        ({"jobs": [{"filename": "x"}]}, "jobs[0]"),
        ({"jobs": [{"url": "https://x.example/v.mp4", "filename": "a/b"}]}, "Filename cannot contain '/'"),
        ({"jobs": [{"url": "https://x.example/v.mp4"}], "format": "avi"}, "format"),
        ({}, "jobs"),
    ],
)
async def test_a_bulk_with_one_wrong_part_is_refused_whole(person: Person, body: dict[str, object], words: str):
    answer = await person.call("POST", "/jobs/bulk", body, status=400)
    assert words in answer["error"]
    assert (await person.call("GET", "/jobs"))["total"] == 0


async def test_a_feed_becomes_a_paused_batch_that_is_renamed_and_started(
    world: World, person: Person, site: Site, clip: Path
):
    url = feed(site, [site.put(f"/part{n}.mp4", clip) for n in range(6)])

    made = await person.call("POST", "/jobs", {"url": url, "paused": True, "folder": "pod"})

    assert (made["total_episodes"], made["paused"]) == (4, True), "the limit of this installation is four"
    assert [episode["title"] for episode in made["episodes"]] == [f"Part {n}" for n in range(4)]
    assert [episode["url"] for episode in made["episodes"]] == [f"{site.url}/part{n}.mp4" for n in range(4)]
    assert made["episode_jobs"] == [episode["job_id"] for episode in made["episodes"]]
    path = f"/batch/{made['batch_id']}"
    assert (await person.call("GET", path))["status"] == "paused"
    assert (await person.call("GET", f"/jobs/{made['episode_jobs'][0]}"))["status"] == "Pending"

    renames = [
        {"job_id": made["episode_jobs"][0], "filename": "01 - Intro"},
        {"job_id": made["episode_jobs"][1], "filename": "../up/and away"},
        {"job_id": str(uuid4()), "filename": "nobody"},
        {"job_id": "nonsense", "filename": "nobody"},
        {"job_id": made["episode_jobs"][2], "filename": " "},
    ]
    renamed = await person.call("PATCH", f"{path}/jobs", {"renames": renames})
    assert renamed["updated"] == 2
    assert len(renamed["errors"]) == 3
    assert all(isinstance(words, str) for words in renamed["errors"])

    assert await person.call("POST", f"{path}/start") == {
        "batch_id": made["batch_id"], "started_jobs": 4, "status": "processing",
    }  # fmt: skip
    again = await person.call("POST", f"{path}/start", status=400)
    assert again["error"].startswith("Batch is not paused (current status: ")
    late = await person.call("PATCH", f"{path}/jobs", {"renames": []}, status=400)
    assert late == {"error": "Batch is not paused. Only paused batches can be renamed."}

    batch = await person.batch_over(made["batch_id"])
    assert (batch["status"], batch["completed_episodes"], batch["show_url"]) == ("completed", 4, url)
    names = sorted(world.stored(person))
    assert names == [
        "videos/pod/.._up_and away.mp4", "videos/pod/01 - Intro.mp4", "videos/pod/Part 2.mp4", "videos/pod/Part 3.mp4",
    ]  # fmt: skip


async def test_a_page_with_several_videos_becomes_a_batch(person: Person, site: Site, clip: Path):
    site.put("/one.mp4", clip)
    site.put("/two.mp4", clip)
    page = site.page("/list", '<video src="/one.mp4"></video><video src="/two.mp4"></video>')
    made = await person.call("POST", "/jobs", {"url": page})
    assert (made["total_episodes"], made["paused"]) == (2, False)
    assert (await person.batch_over(made["batch_id"]))["status"] == "completed"


async def test_a_paused_batch_whose_jobs_are_all_cancelled_ends(person: Person):
    bulk = {"jobs": [{"url": "https://x.example/v.mp4"}], "paused": True}
    made = await person.call("POST", "/jobs/bulk", bulk)
    await person.call("DELETE", f"/jobs/{made['job_ids'][0]}")
    batch = await person.call("GET", f"/batch/{made['batch_id']}")
    assert (batch["status"], batch["failed_episodes"]) == ("finished", 1)


async def test_a_hundred_jobs_are_accepted_at_once(person: Person):
    bulk = {"jobs": [{"url": f"https://x.example/{n}.mp4"} for n in range(100)], "paused": True}
    began = time.monotonic()
    made = await person.call("POST", "/jobs/bulk", bulk)
    assert time.monotonic() - began < 30
    assert made["total_jobs"] == 100
    assert len(set(made["job_ids"])) == 100


async def test_an_expansion_that_takes_too_long_is_a_504(person: Person, site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sluicegate.services.media_pages._EXPANSION_SECONDS", 0.001)
    answer = await person.call("POST", "/jobs", {"url": site.page("/list", "<p>many</p>")}, status=504)
    assert "took too long" in answer["error"]
    assert (await person.call("GET", "/jobs"))["total"] == 0
