"""What was read on a page is kept for a moment, within bounds, and used once."""

from tests.media.site import Site

from sluicegate.core.media import MediaProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.readings import Readings
from sluicegate.media.workshop import Workshop


def quiet(_: MediaProgress) -> None:
    pass


async def test_a_page_that_was_just_looked_at_is_not_read_again(workshop: Workshop, site: Site, clips, folder):
    site.put("/a.mp4", clips / "h264-aac.mp4")
    url = site.page("/watch", '<video src="/a.mp4"></video>', title="A film")
    await workshop.probe(url)
    read = site.paths.count("/watch")

    fetched = await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)

    assert site.paths.count("/watch") == read
    assert fetched.facts.title == "A film"
    assert fetched.tracks[0].path.read_bytes() == (clips / "h264-aac.mp4").read_bytes()


async def test_formats_are_chosen_anew_for_the_job(workshop: Workshop, site: Site, hls, clips, folder):
    prefix = site.put_folder("/hls", hls)
    url = site.page("/watch", f'<video src="{prefix}/master.m3u8"></video>')
    await workshop.probe(url)

    fetched = await workshop.fetch(url, MediaOptions(max_resolution="360"), folder, on_progress=quiet)

    assert fetched.strategy == "hls"
    assert "/hls/v360-0.ts" in site.paths
    assert "/hls/v720-0.ts" not in site.paths


async def test_a_reading_that_leads_nowhere_is_read_again(workshop: Workshop, site: Site, clips, folder):
    """Addresses of media may be good for a moment only."""
    site.put("/a.mp4", clips / "h264-aac.mp4")
    url = site.page("/watch", '<video src="/a.mp4"></video>')
    await workshop.probe(url)
    site.put("/a.mp4", b"", status=403)
    site.put("/b.mp4", clips / "h264-aac.mp4")
    site.page("/watch", '<video src="/b.mp4"></video>')

    fetched = await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)

    assert fetched.tracks[0].path.read_bytes() == (clips / "h264-aac.mp4").read_bytes()


def test_readings_are_few_small_short_lived_and_used_once():
    now = 0.0
    readings = Readings(lambda: now)
    for number in range(100):
        readings.keep(f"http://a/{number}", "read")
    readings.keep("http://a/large", "x" * (1 << 20))
    readings.keep("http://a/none", None)
    kept = [number for number in range(100) if readings.knows(f"http://a/{number}")]
    assert kept == list(range(36, 100))
    assert not readings.knows("http://a/large")
    assert not readings.knows("http://a/none")

    assert readings.take("http://a/50") == "read"
    assert readings.take("http://a/50") is None
    now = 61.0
    assert not readings.knows("http://a/51")
    assert readings.take("http://a/51") is None
