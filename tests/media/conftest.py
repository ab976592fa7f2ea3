"""Real media made by ffmpeg, and a real web site on the loopback to serve it."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import imageio_ffmpeg
import pytest
from tests.media.site import Site

from sluicegate.media.child import ChildLimits
from sluicegate.media.extract import extractor_launcher
from sluicegate.media.ffmpeg import Ffmpeg
from sluicegate.media.warm import WarmChildren
from sluicegate.media.workshop import Workshop, WorkshopLimits
from sluicegate.net.forward_proxy import Traffic

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


def picture(size: str, seconds: float) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc=s={size}:r=25:d={seconds}"]


def tone(seconds: float) -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=d={seconds}"]


X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-sc_threshold", "0"]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of short files: each name says what is in it."""
    folder = tmp_path_factory.mktemp("clips")
    ffmpeg(*picture("640x360", 3), *tone(3), *X264, "-c:a", "aac", folder / "h264-aac.mp4")
    ffmpeg(*picture("360x640", 1), *tone(1), *X264, "-c:a", "aac", folder / "portrait.mp4")
    ffmpeg(*picture("320x180", 1), *tone(1), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8",
           "-c:a", "libopus", folder / "vp9-opus.webm")  # fmt: skip
    ffmpeg(*picture("320x180", 1), *X264, folder / "silent.mp4")
    ffmpeg("-i", folder / "h264-aac.mp4", "-vn", "-c:a", "copy", folder / "aac.m4a")
    ffmpeg(*tone(1), "-c:a", "libmp3lame", folder / "sound.mp3")
    ffmpeg(*tone(1), "-c:a", "libopus", folder / "sound.opus")
    ffmpeg(*picture("320x180", 1), *tone(1), *X264, "-c:a", "libvorbis", folder / "h264-vorbis.mkv")
    ffmpeg(*picture("320x180", 1), "-frames:v", "1", folder / "frame.jpg")
    return folder


@pytest.fixture(scope="session")
def hls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HLS presentation of six one-second segments: ``master.m3u8`` with 640x360 and 1280x720, ``v360.m3u8`` …"""
    folder = tmp_path_factory.mktemp("hls")
    lines = ["#EXTM3U"]
    for name, size, rate in (("v360", "640x360", 400_000), ("v720", "1280x720", 900_000)):
        segments = ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"]
        names = ["-hls_segment_filename", folder / f"{name}-%d.ts", folder / f"{name}.m3u8"]
        ffmpeg(*picture(size, 6), *tone(6), *X264, "-c:a", "aac", *segments, *names)
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION={size}", f"{name}.m3u8"]
    (folder / "master.m3u8").write_text("\n".join(lines))
    return folder


@pytest.fixture
def site() -> Iterator[Site]:
    with Site.running() as running:
        yield running


@asynccontextmanager
async def no_proxy(_: Traffic) -> AsyncIterator[None]:
    yield None


@pytest.fixture
def limits() -> WorkshopLimits:
    return WorkshopLimits(media_bytes=64 << 20, probe_seconds=60, fetch_seconds=60, shape_seconds=60, entries=20)


@pytest.fixture(scope="session")
async def warm() -> AsyncIterator[WarmChildren]:
    """Children as the server has them; a few tests start theirs from nothing."""
    async with aclosing(WarmChildren(extractor_launcher())) as children:
        yield children


@pytest.fixture
def workshop(tmp_path: Path, limits: WorkshopLimits, warm: WarmChildren) -> Workshop:
    return Workshop(tmp_path / "rooms", no_proxy, limits=limits, warm=warm)


@pytest.fixture
def job_id() -> UUID:
    return uuid4()


@pytest.fixture
def folder(workshop: Workshop, job_id: UUID) -> Path:
    return workshop.folder(job_id)


@pytest.fixture
def converter() -> Ffmpeg:
    return Ffmpeg(FFMPEG, ChildLimits(wall_seconds=60, cpu_seconds=120, memory=6 << 30, file_size=64 << 20))
