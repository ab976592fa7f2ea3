"""Stored media as a browser gets it: named safely, never sniffed, and nothing that could run is shown."""

from pathlib import Path

import aiohttp
import pytest
from tests.faults.server import Server
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Site

OVER = {"Completed", "Failed", "Warning", "Skipped"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HOSTILE = '"><script>alert(1)</script>\u202egpj.exe; filename=evil.html'


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    ffmpeg(*picture("320x180", 1), *tone(1), *X264, "-c:a", "aac", "-movflags", "+faststart", path)
    return path


async def over(house: Server, url: str, **options: object) -> dict[str, object]:
    status, accepted = await house.call("POST", "/jobs", {"url": url, **options}, kind="media")
    assert status == 200, accepted
    job: dict[str, object] = await house.until(f"/jobs/{accepted['job_id']}", "status", OVER, kind="media")
    return job


async def head_of(house: Server, url: object) -> dict[str, str]:
    """Headers of a stored file; its address is the server's own."""
    assert isinstance(url, str)
    address = house.url + url[url.index("/", len("https://")) :]
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        assert answer.status == 200, await answer.text()
        return {name.lower(): value for name, value in answer.headers.items()}


async def test_a_hostile_title_stays_inside_its_header(house: Server, film: Path):
    """T18 (and T15): RFC 6266 with both spellings, no type sniffing; the name cannot end its parameter."""
    with Site.running() as site:
        site.put("/film.mp4", film)
        title = HOSTILE.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        job = await over(house, site.page("/watch", '<video src="/film.mp4"></video>', title=title))
    assert job["status"] == "Completed", job
    headers = await head_of(house, job["s3_url"])
    assert headers["content-type"] == "video/mp4"
    assert headers["x-content-type-options"] == "nosniff"
    disposition = headers["content-disposition"]
    assert disposition.count('filename="') == 1
    assert "\u202e" not in disposition
    assert "%E2%80%AE" not in disposition
    quoted = disposition.split('filename="')[1].split('"')[0]
    assert quoted.endswith(".mp4")
    assert not set(quoted) & set(';"\\/')


@pytest.mark.parametrize(
    ("name", "body"),
    [("/film.mp4", "<html><script>alert(1)</script></html>"), ("/film.svg", SVG), ("/film.html", SVG)],
)
async def test_pages_and_pictures_with_scripts_are_never_stored_as_media(house: Server, name: str, body: str):
    """T18: what a browser could run does not become a file of ours, whatever its host calls it."""
    with Site.running() as site:
        job = await over(house, site.put(name, body, headers={"Content-Type": "video/mp4"}))
    assert job["status"] in {"Skipped", "Failed"}, job
    assert job["s3_url"] is None


async def test_a_thumbnail_that_is_an_svg_is_left_out(house: Server, film: Path):
    """T18: pictures are told by their bytes; SVG is none here."""
    with Site.running() as site:
        site.put("/film.mp4", film)
        site.put("/cover.jpg", SVG, headers={"Content-Type": "image/jpeg"})
        url = site.page("/watch", '<meta property="og:image" content="/cover.jpg"><video src="/film.mp4"></video>')
        job = await over(house, url, download_thumbnail=True)
    assert job["status"] == "Completed", job
    assert job.get("thumbnail_url") is None
