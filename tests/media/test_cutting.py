"""Clips of plain files: only the part that holds them is fetched, and the cut is as exact as of the whole file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.media.conftest import X264, ffmpeg, tone
from tests.media.site import Site

from sluicegate.core.errors import ConversionFailed
from sluicegate.core.media import DirectBytes, MediaProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.direct import DirectReader
from sluicegate.media.workshop import Workshop
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.http import Http

RANGES = {"Accept-Ranges": "bytes", "ETag": '"one"'}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of noise, which does not compress: with its index at the front, at the end, and as Matroska."""
    folder = tmp_path_factory.mktemp("films")
    noise = ["-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=60,noise=alls=60:allf=t"]
    front = folder / "front.mp4"
    ffmpeg(*noise, *tone(60), *X264, "-b:v", "2M", "-c:a", "aac", "-movflags", "+faststart", front)
    ffmpeg("-i", front, "-c", "copy", folder / "end.mp4")
    ffmpeg("-i", front, "-c", "copy", folder / "film.mkv")
    return folder


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[DirectBytes]:
    egress = Egress(EgressPolicy.parse("127.0.0.1"))
    http = Http(egress)
    async with DirectReader(http).open(url) as source:
        assert source is not None
        yield source
    await http.aclose()
    egress.close()


@pytest.mark.parametrize("name", ["front.mp4", "end.mp4", "film.mkv"])
async def test_a_clip_of_a_plain_file_fetches_a_part_of_it(
    workshop: Workshop, site: Site, films: Path, folder: Path, name: str
):
    size = (films / name).stat().st_size
    url = site.put(f"/{name}", films / name, headers=RANGES)
    container = "mkv" if name.endswith("mkv") else "mp4"
    options = MediaOptions(container=container, clip_start=40.5, clip_end=43.0)
    told: list[MediaProgress] = []
    async with opened(url) as direct:
        assert workshop.can_cut(direct, options)
        fetched = await workshop.cut(direct, options, folder, on_progress=told.append)

    assert fetched is not None
    track = fetched.tracks[0]
    assert 39.0 <= track.starts_at <= 40.5
    assert track.size < size / 4
    assert told[-1].done < size * 2 / 3
    shaped = await workshop.shape(fetched, options, folder, on_progress=told.append)
    assert shaped.duration == pytest.approx(2.5, abs=0.15)
    assert (shaped.video_codec, shaped.audio_codec) == ("h264", "aac")


async def test_the_cut_is_the_same_as_of_the_whole_file(workshop: Workshop, site: Site, films: Path, folder: Path):
    options = MediaOptions(container="mkv", clip_start=20.52, clip_end=22.0, audio_codec="aac")
    url = site.put("/front.mp4", films / "front.mp4", headers=RANGES)
    async with opened(url) as direct:
        part = await workshop.cut(direct, options, folder, on_progress=lambda _: None)
    assert part is not None
    shaped = await workshop.shape(part, options, folder, on_progress=lambda _: None)
    first = folder / "first.png"
    ffmpeg("-i", shaped.path, "-frames:v", "1", first)
    wanted = folder / "wanted.png"
    ffmpeg("-ss", "20.52", "-i", films / "front.mp4", "-frames:v", "1", wanted)
    shown, true = (_grey(path) for path in (first, wanted))
    assert sum(abs(a - b) for a, b in zip(shown, true, strict=True)) / len(true) < 12


async def test_a_clip_beyond_the_end_is_refused(workshop: Workshop, site: Site, films: Path, folder: Path):
    options = MediaOptions(clip_start=600.0, clip_end=610.0)
    url = site.put("/front.mp4", films / "front.mp4", headers=RANGES)
    async with opened(url) as direct:
        with pytest.raises(ConversionFailed, match="beyond the end"):
            await _cut_and_shaped(workshop, direct, options, folder)


async def _cut_and_shaped(workshop: Workshop, direct: DirectBytes, options: MediaOptions, folder: Path) -> None:
    fetched = await workshop.cut(direct, options, folder, on_progress=lambda _: None)
    assert fetched is not None
    await workshop.shape(fetched, options, folder, on_progress=lambda _: None)


async def test_only_clips_of_files_whose_host_sends_parts_are_cut(workshop: Workshop, site: Site, clips: Path):
    url = site.put("/a.mp4", clips / "h264-aac.mp4")
    async with opened(url) as direct:
        assert not workshop.can_cut(direct, MediaOptions(clip_end=1.0))
    url = site.put("/b.mp4", clips / "h264-aac.mp4", headers=RANGES)
    async with opened(url) as direct:
        assert workshop.can_cut(direct, MediaOptions(clip_end=1.0))
        assert not workshop.can_cut(direct, MediaOptions())
    url = site.put("/c.mp3", clips / "sound.mp3", headers=RANGES)
    async with opened(url) as direct:
        assert not workshop.can_cut(direct, MediaOptions(clip_end=1.0, container="mp3", audio_only=True))


def _grey(path: Path) -> bytes:
    raw = path.with_suffix(".gray")
    ffmpeg("-i", path, "-vf", "scale=32:18", "-pix_fmt", "gray", "-f", "rawvideo", raw)
    return raw.read_bytes()
