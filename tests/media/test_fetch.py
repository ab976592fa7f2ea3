"""Pages, playlists and plain files on a real site, read and fetched by real children."""

import asyncio
import contextlib
import json
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from tests.media.conftest import X264, ffmpeg, no_proxy, picture, tone
from tests.media.site import Site

from sluicegate.core.errors import (
    ExtractionFailed,
    MalformedSource,
    MediaRestricted,
    NoMedia,
    UnsafeSource,
)
from sluicegate.core.media import FetchedMedia, MediaFacts, MediaProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.extractor.facts import facts_of
from sluicegate.media.probe import probe_file
from sluicegate.media.workshop import Workshop, WorkshopLimits


def quiet(_: MediaProgress) -> None:
    pass


async def test_page_with_a_video_element(workshop: Workshop, folder: Path, site: Site, clips: Path) -> None:
    site.put("/media/v.mp4", clips / "h264-aac.mp4")
    url = site.page("/watch.html", '<video src="/media/v.mp4"></video>', title="Bees &amp; flowers")
    told: list[MediaFacts] = []
    progress: list[MediaProgress] = []

    def on_progress(step: MediaProgress) -> None:
        assert told, "facts come first"
        progress.append(step)

    fetched = await workshop.fetch(url, MediaOptions(), folder, on_progress=on_progress, on_facts=told.append)

    size = (clips / "h264-aac.mp4").stat().st_size
    assert fetched.size == size
    assert fetched.tracks[0].path.read_bytes() == (clips / "h264-aac.mp4").read_bytes()
    assert fetched.strategy == "http"
    assert fetched.facts.title == "Bees & flowers"
    assert told == [fetched.facts]
    assert [step.done for step in progress] == sorted(step.done for step in progress)
    assert progress[-1].done == size


async def test_plain_file_is_told_apart_by_its_bytes(workshop: Workshop, site: Site, clips: Path) -> None:
    site.put("/d/v", clips / "vp9-opus.webm", headers={"Content-Type": "video/mp4"})
    url = site.redirect("/go", "/d/v")

    facts = await workshop.probe(url)

    assert facts.direct is not None
    assert facts.direct.container == "webm"
    assert facts.direct.url == f"{site.url}/d/v"
    assert facts.direct.size == (clips / "vp9-opus.webm").stat().st_size


async def test_plain_file_without_any_type(workshop: Workshop, site: Site, clips: Path) -> None:
    url = site.put("/file", clips / "h264-aac.mp4", headers={"Content-Type": "application/octet-stream"})

    facts = await workshop.probe(url)

    assert facts.direct is not None
    assert facts.direct.container == "mp4"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("setup.exe", b"MZ" + bytes(9000)),
        ("open.desktop", b"[Desktop Entry]\nExec=/bin/sh\n" + b"#" * 9000),
        ("run.sh", b"#!/bin/sh\nid\n" * 1000),
        ("a.zip", b"PK\x03\x04" + bytes(9000)),
    ],
)
async def test_other_files_called_video_are_refused(workshop: Workshop, site: Site, name: str, body: bytes) -> None:
    url = site.put(f"/{name}", body, headers={"Content-Type": "video/mp4"})

    with pytest.raises(NoMedia):
        await workshop.probe(url)


async def test_program_called_video_is_not_fetched(workshop: Workshop, folder: Path, site: Site) -> None:
    url = site.put("/setup.exe", b"MZ" + bytes(1 << 20), headers={"Content-Type": "video/mp4"})

    with pytest.raises(NoMedia):
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert list(folder.iterdir()) == []


async def test_page_that_embeds_a_program_as_video(workshop: Workshop, folder: Path, site: Site) -> None:
    site.put("/v.mp4", b"MZ" + bytes(9000))
    url = site.page("/p.html", '<video src="/v.mp4"></video>')

    with pytest.raises(NoMedia):
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)


async def test_page_without_media(workshop: Workshop, folder: Path, site: Site) -> None:
    url = site.page("/text.html", "<p>Only words.</p>")

    with pytest.raises(NoMedia) as caught:
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, MediaRestricted), (404, MediaRestricted), (410, MediaRestricted), (503, ExtractionFailed)],
)
async def test_status_of_the_page(workshop: Workshop, site: Site, status: int, kind: type[Exception]) -> None:
    url = site.put("/x.html", b"no", status=status, headers={"Retry-After": "7"})

    with pytest.raises(kind) as caught:
        await workshop.probe(url)
    assert type(caught.value) is kind
    if status == 503:
        assert caught.value.retry_after == 7  # type: ignore[attr-defined]


async def test_server_that_is_not_there(workshop: Workshop, site: Site) -> None:
    site.server.server_close()
    with pytest.raises(ExtractionFailed):
        await workshop.probe(site.url + "/x")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "-o/tmp/x",
        "ftp://a/b.mp4",
        "http://u:p@a/",
        "ytsearch:x",
        "http:///x",
        "http://a/\x00",
        "",
    ],
)
async def test_address_that_is_none(workshop: Workshop, folder: Path, url: str) -> None:
    with pytest.raises(MalformedSource):
        await workshop.probe(url)
    with pytest.raises(MalformedSource):
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)


@pytest.mark.parametrize(("wanted", "height"), [("best", 720), ("480", 360), ("1080", 720)])
async def test_hls_choice_by_resolution(
    workshop: Workshop, folder: Path, site: Site, hls: Path, wanted: str, height: int
) -> None:
    site.put_folder("/hls", hls)

    fetched = await workshop.fetch(
        f"{site.url}/hls/master.m3u8", MediaOptions(max_resolution=wanted), folder, on_progress=quiet
    )

    assert fetched.strategy == "hls"
    assert fetched.facts.height == height
    assert fetched.size == sum((hls / f"v{height}-{number}.ts").stat().st_size for number in range(6))


async def test_resolution_counts_the_shorter_side(workshop: Workshop, folder: Path, site: Site, hls: Path) -> None:
    site.put_folder("/hls", hls)
    portrait = (hls / "master.m3u8").read_text().replace("640x360", "360x640").replace("1280x720", "720x1280")
    url = site.put("/hls/portrait.m3u8", portrait)

    fetched = await workshop.fetch(url, MediaOptions(max_resolution="480"), folder, on_progress=quiet)

    assert (fetched.facts.width, fetched.facts.height) == (360, 640)


async def test_page_with_hls(workshop: Workshop, folder: Path, site: Site, hls: Path) -> None:
    site.put_folder("/hls", hls)
    url = site.page("/live.html", '<video><source src="/hls/master.m3u8" type="application/x-mpegURL"></video>')

    fetched = await workshop.fetch(url, MediaOptions(max_resolution="360"), folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, MediaOptions(), folder, on_progress=quiet)

    assert shaped.actual_quality == "360p"
    assert shaped.duration == pytest.approx(6, abs=0.2)


async def test_clip_of_hls_fetches_only_its_segments(workshop: Workshop, folder: Path, site: Site, hls: Path) -> None:
    site.put_folder("/hls", hls)
    options = MediaOptions(clip_start=2.5, clip_end=4.0)

    fetched = await workshop.fetch(f"{site.url}/hls/v360.m3u8", options, folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, options, folder, on_progress=quiet)

    assert fetched.tracks[0].starts_at == pytest.approx(2.0)
    assert {path for path in site.paths if path.endswith(".ts")} == {"/hls/v360-2.ts", "/hls/v360-3.ts"}
    assert shaped.duration == pytest.approx(1.5, abs=0.1)


async def test_missing_segment_is_a_failure_not_a_gap(workshop: Workshop, folder: Path, site: Site, hls: Path) -> None:
    site.put_folder("/hls", hls)
    site.put("/hls/v360-3.ts", b"", status=404)

    with pytest.raises(ExtractionFailed):
        await workshop.fetch(f"{site.url}/hls/v360.m3u8", MediaOptions(), folder, on_progress=quiet)
    assert list(folder.glob("*-fetched.json")) == []


async def test_second_fetch_returns_the_first_ones_files(
    workshop: Workshop, folder: Path, site: Site, clips: Path
) -> None:
    url = site.put("/v.mp4", clips / "h264-aac.mp4")
    first = await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    asked = len(site.log)

    assert await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet) == first
    assert len(site.log) == asked

    first.tracks[0].path.write_bytes(b"cut")
    again = await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert len(site.log) > asked
    assert again.size == first.size


async def interrupted(workshop: Workshop, folder: Path, site: Site, arrived: bytes, **origin: object) -> FetchedMedia:
    """Fetches ``/v.mp4`` in a folder in which an earlier run left ``arrived``, of the version that ``origin`` names."""
    first = await workshop.fetch(f"{site.url}/v.mp4", MediaOptions(), folder, on_progress=quiet)
    track = first.tracks[0].path
    track.with_name(track.name + ".part").write_bytes(arrived)
    track.with_name(track.name + ".origin").write_text(json.dumps({"validator": None} | origin))
    track.unlink()
    site.log.clear()
    return await workshop.fetch(f"{site.url}/v.mp4", MediaOptions(), folder, on_progress=quiet)


@pytest.mark.parametrize("tag", [None, '"v1"'])
async def test_interrupted_fetch_goes_on(
    workshop: Workshop, folder: Path, site: Site, clips: Path, tag: str | None
) -> None:
    whole = (clips / "h264-aac.mp4").read_bytes()
    site.put("/v.mp4", whole, headers={"ETag": tag} if tag else {})

    again = await interrupted(workshop, folder, site, whole[:20_000], total=len(whole), validator=tag)

    assert again.tracks[0].path.read_bytes() == whole
    assert "bytes=20000-" in [headers.get("Range") for _, headers in site.log]


@pytest.mark.parametrize(
    ("arrived", "origin"),
    [
        (b"x" * 900_000, {"total": 1 << 30}),
        (b"x" * 20_000, {"total": 25_000}),
        (b"x" * 20_000, {"total": None}),
        (b"x" * 20_000, {"total": -1, "validator": '"an older one"'}),
    ],
    ids=["more than there is now", "of a shorter file", "of unknown length", "of another version"],
)
async def test_what_arrived_of_another_version_is_not_continued(
    workshop: Workshop, folder: Path, site: Site, clips: Path, arrived: bytes, origin: dict[str, object]
) -> None:
    whole = (clips / "h264-aac.mp4").read_bytes()
    site.put("/v.mp4", whole, headers={"ETag": '"now"'})
    if origin["total"] == -1:
        origin = origin | {"total": len(whole)}

    again = await interrupted(workshop, folder, site, arrived, **origin)

    assert again.tracks[0].path.read_bytes() == whole


async def test_feed_is_listed_up_to_the_limit(tmp_path: Path, site: Site) -> None:
    items = "".join(
        f'<item><title>Part {n}</title><enclosure url="{site.url}/{n}.mp3" type="audio/mpeg"/></item>' for n in range(9)
    )
    url = site.put(
        "/feed.xml", f'<?xml version="1.0"?><rss version="2.0"><channel><title>Show</title>{items}</channel></rss>'
    )
    workshop = Workshop(tmp_path / "rooms", no_proxy, limits=WorkshopLimits(entries=4))

    facts = await workshop.probe(url)

    assert [entry.title for entry in facts.entries] == ["Part 0", "Part 1", "Part 2", "Part 3"]
    assert [entry.url for entry in facts.entries] == [f"{site.url}/{n}.mp3" for n in range(4)]
    assert facts.more_entries
    assert site.paths == ["/feed.xml"]


TITLES = [
    "../../../../tmp/evil",
    "/etc/cron.d/x",
    "a\x00b\r\nSet-Cookie: x",
    "%(id)s $(id) `id`",
    "-y -f lavfi",
    "x" * 5000,
    "\u202egpj.exe",
    "Stream #0:7: Video: none",
    "'; rm -rf / #",
]


@pytest.mark.parametrize("title", TITLES)
def test_hostile_title_is_a_line_of_text(title: str) -> None:
    told = facts_of({"title": title, "uploader": title, "description": title, "thumbnail": f"javascript:{title}"})

    assert len(told.title or "") <= 500
    assert (told.title or "x").isprintable()
    assert (told.uploader or "x").isprintable()
    assert "\x00" not in (told.description or "")
    assert told.thumbnail is None


@pytest.mark.parametrize("title", ["".join(TITLES[:2]), "".join(reversed(TITLES))])
async def test_hostile_title_names_no_file(
    workshop: Workshop, folder: Path, site: Site, clips: Path, title: str
) -> None:
    site.put("/v.mp4", clips / "silent.mp4")
    url = site.page("/p.html", '<video src="/v.mp4"></video>', title=title)

    fetched = await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, MediaOptions(), folder, on_progress=quiet)

    assert shaped.path == folder / "shaped.mp4"
    assert shaped.video_codec == "h264"
    assert {path.parent for path in folder.rglob("*")} == {folder}


async def test_size_limit(tmp_path: Path, site: Site, clips: Path) -> None:
    url = site.put("/v.mp4", (clips / "h264-aac.mp4").read_bytes() + bytes(2 << 20))
    workshop = Workshop(tmp_path / "rooms", no_proxy, limits=WorkshopLimits(media_bytes=1 << 20))
    folder = workshop.folder(UUID(int=1))

    with pytest.raises(UnsafeSource):
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1 << 20


async def test_page_bomb(workshop: Workshop, site: Site) -> None:
    import gzip

    page = b"<html><title>x</title>" + b"a" * (40 << 20)
    url = site.put("/p.html", gzip.compress(page), headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})

    with pytest.raises(UnsafeSource):
        await workshop.probe(url)


async def test_redirect_loop_ends(workshop: Workshop, site: Site) -> None:
    url = site.redirect("/loop", "/loop")

    with pytest.raises(UnsafeSource):
        await workshop.probe(url)
    assert len(site.log) < 40


async def test_subtitle_and_thumbnail(workshop: Workshop, folder: Path, site: Site, clips: Path) -> None:
    site.put("/v.mp4", clips / "h264-aac.mp4")
    site.put("/t.jpg", clips / "frame.jpg")
    site.put("/s.vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    url = site.page(
        "/p.html",
        '<video poster="/t.jpg"><source src="/v.mp4"><track kind="subtitles" srclang="en" src="/s.vtt"></video>',
    )
    options = MediaOptions(download_subtitles=True, download_thumbnail=True)

    fetched = await workshop.fetch(url, options, folder, on_progress=quiet)

    assert fetched.thumbnail is not None
    assert fetched.thumbnail.name == "thumbnail.jpg"
    assert fetched.thumbnail.read_bytes() == (clips / "frame.jpg").read_bytes()
    assert fetched.subtitle is not None
    assert fetched.subtitle.read_text().startswith("WEBVTT")


async def test_subtitle_becomes_webvtt(workshop: Workshop, folder: Path, site: Site, clips: Path) -> None:
    site.put("/v.mp4", clips / "h264-aac.mp4")
    site.put("/s.srt", "1\n00:00:00,000 --> 00:00:01,000\nGuten Tag\n")
    url = site.page("/p.html", '<video><source src="/v.mp4"><track kind="subtitles" srclang="de" src="/s.srt"></video>')

    fetched = await workshop.fetch(url, MediaOptions(download_subtitles=True), folder, on_progress=quiet)

    assert fetched.subtitle is not None
    assert fetched.subtitle.name == "subtitle.de.vtt"
    assert "Guten Tag" in fetched.subtitle.read_text()
    assert fetched.subtitle.read_text().startswith("WEBVTT")


async def test_subtitle_that_is_none_is_dropped(workshop: Workshop, folder: Path, site: Site, clips: Path) -> None:
    site.put("/v.mp4", clips / "h264-aac.mp4")
    site.put("/s.vtt", "<script>alert(1)</script>")
    url = site.page("/p.html", '<video><source src="/v.mp4"><track kind="subtitles" srclang="en" src="/s.vtt"></video>')

    fetched = await workshop.fetch(url, MediaOptions(download_subtitles=True), folder, on_progress=quiet)

    assert fetched.subtitle is None


async def test_dash_with_picture_and_sound_apart(
    workshop: Workshop, folder: Path, site: Site, clips: Path, tmp_path: Path
) -> None:
    (tmp_path / "dash").mkdir()
    ffmpeg("-i", clips / "h264-aac.mp4", "-c", "copy", "-f", "dash", "-seg_duration", "1", tmp_path / "dash" / "x.mpd")
    site.put_folder("/dash", tmp_path / "dash")
    site.put("/dash/x.mpd", tmp_path / "dash" / "x.mpd", headers={"Content-Type": "application/dash+xml"})
    progress: list[MediaProgress] = []

    fetched = await workshop.fetch(f"{site.url}/dash/x.mpd", MediaOptions(), folder, on_progress=progress.append)
    shaped = await workshop.shape(fetched, MediaOptions(), folder, on_progress=quiet)

    assert fetched.strategy == "dash"
    assert len(fetched.tracks) == 2
    assert progress[-1].done == fetched.size
    assert (shaped.video_codec, shaped.audio_codec) == ("h264", "aac")
    assert shaped.duration == pytest.approx(3, abs=0.1)


async def test_sound_alone_of_a_page(workshop: Workshop, folder: Path, site: Site, clips: Path) -> None:
    url = site.put("/s.mp3", clips / "sound.mp3")
    options = MediaOptions(container="mp3", audio_only=True)

    fetched = await workshop.fetch(url, options, folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, options, folder, on_progress=quiet)

    assert shaped.path.name == "shaped.mp3"
    assert shaped.actual_quality == "audio"


async def test_video_wanted_of_a_source_with_sound_alone(
    workshop: Workshop, folder: Path, site: Site, clips: Path
) -> None:
    """A podcast episode with the default options: its sound in the default container."""
    url = site.put("/s.mp3", clips / "sound.mp3")

    fetched = await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, MediaOptions(), folder, on_progress=quiet)

    assert (shaped.container, shaped.video_codec, shaped.audio_codec) == ("mp4", None, "mp3")
    assert shaped.actual_quality == "audio"


async def test_cancel_ends_the_child(tmp_path: Path, site: Site, clips: Path) -> None:
    url = site.put("/v.mp4", clips / "h264-aac.mp4", drip=0.05)
    workshop = Workshop(tmp_path / "rooms", no_proxy)
    folder = workshop.folder(UUID(int=1))
    started = asyncio.Event()
    others = set(psutil.Process().children(recursive=True))
    task = asyncio.create_task(
        workshop.fetch(url, MediaOptions(), folder, on_progress=lambda step: started.set() if step.done else None)
    )
    async with asyncio.timeout(90):
        await started.wait()
    children = set(psutil.Process().children(recursive=True)) - others
    assert children
    assert not any(site.url in " ".join(child.cmdline()) for child in children), "addresses may hold tokens"

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert task.cancelled()
    assert not any(child.is_running() for child in children)
    assert not list(folder.glob("*-fetched.json"))


async def test_fetch_takes_no_longer_than_allowed(tmp_path: Path, site: Site, clips: Path) -> None:
    url = site.put("/v.mp4", clips / "h264-aac.mp4", drip=0.05)
    workshop = Workshop(tmp_path / "rooms", no_proxy, limits=WorkshopLimits(fetch_seconds=4))

    with pytest.raises(UnsafeSource, match="longer"):
        await workshop.fetch(url, MediaOptions(), workshop.folder(UUID(int=1)), on_progress=quiet)


async def test_thumbnail_that_is_no_picture_is_dropped(
    workshop: Workshop, folder: Path, site: Site, clips: Path
) -> None:
    site.put("/v.mp4", clips / "h264-aac.mp4")
    site.put("/t.jpg", b"<svg onload=alert(1)>")
    url = site.page("/p.html", '<video poster="/t.jpg" src="/v.mp4"></video>')

    fetched = await workshop.fetch(url, MediaOptions(download_thumbnail=True), folder, on_progress=quiet)

    assert fetched.thumbnail is None


async def test_native_codecs_come_from_the_file(
    workshop: Workshop, folder: Path, site: Site, clips: Path, converter: object
) -> None:
    url = site.put("/v.mp4", clips / "vp9-opus.webm")
    options = MediaOptions(container="webm")

    fetched = await workshop.fetch(url, options, folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, options, folder, on_progress=quiet)

    assert (shaped.native_video_codec, shaped.native_audio_codec) == ("vp09", "opus")
    assert (await probe_file(converter, shaped.path, folder=folder)).video == "vp9"  # type: ignore[arg-type]


async def test_a_clip_of_dash_fetches_its_own_pieces_only(
    workshop: Workshop, folder: Path, site: Site, tmp_path: Path
) -> None:
    dash = tmp_path / "dash"
    dash.mkdir()
    codecs = [*X264, "-c:a", "aac"]
    ffmpeg(*picture("320x180", 6), *tone(6), *codecs, "-f", "dash", "-seg_duration", "1", dash / "x.mpd")
    site.put_folder("/dash", dash)
    site.put("/dash/x.mpd", dash / "x.mpd", headers={"Content-Type": "application/dash+xml"})
    options = MediaOptions(clip_start=2.5, clip_end=4.0)

    fetched = await workshop.fetch(f"{site.url}/dash/x.mpd", options, folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, options, folder, on_progress=quiet)

    pieces = [path for path in site.paths if "chunk-stream0" in path]
    assert 1 <= len(set(pieces)) <= 3, pieces
    assert shaped.duration == pytest.approx(1.5, abs=0.15)
