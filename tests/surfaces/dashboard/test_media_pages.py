"""The pages of media jobs, used as a browser without scripts uses them."""

import asyncio
import html
import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.media.site import Site
from tests.surfaces.dashboard.conftest import HOSTILE, Person, without_token

_OVER = re.compile(r'class="tag [^"]*">(Completed|Failed|Warning|Skipped)<')
_PICTURE = re.compile(r'src="(/app/media/preview/[^"]+)"')
_PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
_LINK = "http://192.0.2.1/film.mp4"


async def _over(person: Person, path: str) -> str:
    """The job's page once it says that the job is over."""
    async with asyncio.timeout(90):
        while not _OVER.search(text := await person.see(path)):
            await asyncio.sleep(0.2)
    return text


async def _look(person: Person, site: Site, image: str, title: str = "A film") -> str:
    """What the page says about a page that names a picture; the answer's text."""
    head = f'<meta property="og:title" content="{html.escape(title)}"><meta property="og:image" content="{image}">'
    page = f'<html><head><title>x</title>{head}</head><body><video src="/clip.mp4"></video></body></html>'
    url = site.put("/page", page, headers={"Content-Type": "text/html; charset=utf-8"})
    return (await person.send("/app/media", 200, url=url, act="look", max_resolution="720")).text


@pytest.mark.timeout(240)
async def test_a_link_becomes_a_file_with_measured_figures_that_plays_and_can_be_deleted(
    ada: Person, site: Site, clip: Path
):
    url = site.put(f"/{uuid4().hex}.mp4", clip)
    path = await ada.done("/app/media", url=url, filename="holiday", folder="films")
    text = await _over(ada, path)
    assert "Completed" in text, text
    assert "holiday" in text
    assert re.search(r"<dt>Downloaded</dt><dd>[\d.]+ KiB</dd>", text)
    assert re.search(r"<dt>In all</dt><dd>\d+\.\d\d s</dd>", text)
    player = await ada.see(f"{path}/play")
    source = html.unescape(re.search(r'<video [^>]*src="([^"]+)"', player)[1])
    assert source.startswith("/")
    played = await ada.client.get(source, headers={"range": "bytes=0-99"})
    assert (played.status_code, len(played.content)) == (206, 100)
    again = await ada.send(f"{path}/retry", 422)
    assert "Only failed or warning jobs can be retried" in again.text
    assert "cannot be cancelled" in (await ada.send(f"{path}/cancel", 422)).text
    await ada.done(f"{path}/delete-file")
    assert "has no file" in (await ada.send(f"{path}/delete-file", 422)).text
    await ada.see(f"{path}/play", 404)


@pytest.mark.timeout(240)
async def test_a_job_is_cancelled_and_tried_again_as_a_new_one(ada: Person, site: Site):
    slow = site.put(f"/{uuid4().hex}.mp4", b"\0\0\0 ftypisom" + bytes(4_000_000), stops_at=100_000)
    path = await ada.done("/app/media", url=slow)
    await ada.done(f"{path}/cancel")
    text = await ada.see(path)
    assert "Failed" in text
    assert "Job cancelled by user" in text
    new = await ada.done(f"{path}/retry")
    assert new != path
    assert f'<dt>Repeats</dt><dd><a href="{path}">' in await ada.see(new)
    await ada.done(f"{new}/cancel")


async def test_a_look_shows_what_a_page_says_as_text_and_its_picture_through_this_server(
    ada: Person, eve: Person, site: Site
):
    text = await _look(ada, site, site.put("/t.png", _PNG), HOSTILE)
    assert "<script>alert" not in text
    assert html.escape(HOSTILE[:20]) in text
    assert '<option value="720" selected>' in text  # the form is still there, with what was chosen
    picture = html.unescape(_PICTURE.search(text)[1])
    answer = await ada.client.get(picture)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", _PNG)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    # Nobody else, no other address: this is no way to have the server fetch what one likes.
    await eve.see(picture, 404)
    before = len(site.log)
    await ada.see(picture.replace("t.png", "u.png"), 404)
    await ada.see(f"/app/media/preview/{'0' * 64}?url={site.url}/t.png", 404)
    assert len(site.log) == before


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml", 404),
        (b"<html><script>alert(1)</script></html>", "image/png", 404),
        (b"\xff\xd8\xff" + bytes(3 << 20), "image/jpeg", 502),
        (b"", "image/png", 404),
    ],
)
async def test_only_small_pictures_are_pictures_whatever_the_host_says(ada: Person, site: Site, body, kind, status):
    text = await _look(ada, site, site.put("/t", body, headers={"Content-Type": kind}))
    answer = await ada.client.get(html.unescape(_PICTURE.search(text)[1]))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


async def test_a_picture_in_a_forbidden_place_is_not_fetched(ada: Person, site: Site):
    """Checklist: links that strangers name never reach addresses that the operator has not allowed."""
    text = await _look(ada, site, "http://169.254.169.254/latest/meta-data/x.png")
    await ada.see(html.unescape(_PICTURE.search(text)[1]), 400)
    await ada.refused("/app/media", "url", url="http://169.254.169.254/latest/", act="look")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("url", {"url": ""}),
        ("url", {"url": "not a link"}),
        ("url", {"url": "javascript:alert(1)"}),
        ("url", {"url": HOSTILE}),
        ("url", {"url": "http://host/" + "a" * 5000}),
        ("url", {"url": "http://user:pass@host/a.mp4"}),
        ("url", {"url": "\n".join([_LINK] * 101)}),
        ("url", {"url": f"{_LINK}\nnonsense"}),
        ("url", {"url": f"{_LINK}\n{_LINK}", "act": "look"}),
        ("filename", {"filename": "a/b"}),
        ("filename", {"filename": "x" * 300}),
        ("filename", {"url": f"{_LINK}\n{_LINK}", "filename": "one"}),
        ("folder", {"folder": "../up"}),
        ("folder", {"folder": "/etc"}),
        ("clip_start", {"clip_start": "soon"}),
        ("clip_start", {"clip_start": HOSTILE[:20]}),
        ("clip_end", {"clip_start": "5", "clip_end": "1"}),
        ("format", {"format": "exe"}),
        ("max_resolution", {"max_resolution": "9000"}),
        ("video_codec", {"format": "webm", "video_codec": "h264"}),
        ("video_quality", {"video_quality": "99"}),
        ("video_quality", {"video_quality": HOSTILE[:20]}),
        ("max_duration", {"max_duration": "-1"}),
        ("priority", {"priority": "1e9"}),
        ("webhook_url", {"webhook_url": "ftp://x"}),
        ("webhook_url", {"enable_progress_webhook": "on"}),
        ("storage", {"storage": "no such"}),
    ],
)
async def test_a_form_that_is_wrong_says_so_beside_the_field_and_keeps_what_was_typed(ada: Person, field, fields):
    text = await ada.refused("/app/media", field, **{"url": _LINK, "clip_start": "1", "paused": "on", **fields})
    assert 'name="paused" value="on" checked' in text


@pytest.mark.timeout(240)
async def test_a_batch_waits_for_names_and_runs_once_it_is_started(ada: Person, eve: Person, site: Site, clip: Path):
    links = [site.put(f"/{uuid4().hex}.mp4", clip) for _ in range(2)]
    path = await ada.done("/app/media", url="\n".join(links), paused="on")
    text = await ada.see(path)
    first, second = re.findall(r'name="(name-[0-9a-f-]{36})"', text)
    assert "Type a new name" in (await ada.send(f"{path}/rename", 422)).text
    await ada.refused(f"{path}/rename", first, **{first: HOSTILE * 10})
    refused = await ada.send(f"{path}/rename", 422, **{f"name-{uuid4()}": "x", "name-<b>": "y"})
    assert "not found in this batch" in refused.text
    await ada.done(f"{path}/rename", **{first: f"One {HOSTILE}", second: "Two"})
    for act, fields in (("rename", {first: "Mine"}), ("start", {})):
        await eve.send(f"{path}/{act}", 404, **fields)
        await without_token(ada, f"{path}/{act}")
    await eve.see(path, 404)
    text = await ada.see(path)
    assert "Now: Two" in text
    assert "<script>alert" not in text
    assert "paused" in text  # neither looking nor other people have started it
    await ada.done(f"{path}/start")
    assert "not paused" in (await ada.send(f"{path}/start", 422)).text
    async with asyncio.timeout(120):
        while ">completed<" not in (text := await ada.see(path)):
            assert ">finished<" not in text, text
            await asyncio.sleep(0.2)
    assert path in await ada.see("/app/media/batches")
    assert path not in await eve.see("/app/media/batches")


async def test_other_peoples_jobs_are_not_there_and_looking_changes_nothing(ada: Person, eve: Person, site: Site):
    link = site.put(f"/{uuid4().hex}.mp4", b"gone", status=404)
    path = await ada.done("/app/media", url=link)
    await _over(ada, path)
    before = await ada.see(path)
    await eve.see(path, 404)
    await eve.see(f"{path}/play", 404)
    for act in ("cancel", "retry", "delete-file"):
        await eve.send(f"{path}/{act}", 404)
        answer = await ada.client.get(f"{path}/{act}")
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        await without_token(ada, f"{path}/{act}")
    await without_token(ada, "/app/media")
    assert _without_token(await ada.see(path)) == _without_token(before)
    assert path not in await eve.see("/app/media")


async def test_the_list_is_paged_and_filtered_by_state(ada: Person):
    nowhere = "row=00000000-0000-0000-0000-000000000000"
    assert "Nothing here." in await ada.see(f"/app/media?before=2000-01-01T00:00:00&{nowhere}")
    assert 'href="/app/media?state=Failed" aria-current="true"' in await ada.see("/app/media?state=Failed")
    await ada.see("/app/media?state=%3Cscript%3E")
    for wrong in ("before=x", f"before={10**12}x", "row=x", "after=yesterday", f"state={'x' * 30}"):
        await ada.see(f"/app/media?{wrong}", 400)
    await ada.see("/app/media/not-an-id", 404)


async def test_strangers_are_led_to_the_sign_in(house):
    async with httpx.AsyncClient(base_url=house.url) as client:
        for path in ("/app/media", "/app/media/batches", f"/app/media/preview/{'0' * 64}?url=http://127.0.0.1/"):
            answer = await client.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/app/sign-in")


def _without_token(text: str) -> str:
    """A page without what changes by itself."""
    return re.sub(r"\d+ (s|min) ago", "", text)
