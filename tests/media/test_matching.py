"""Files that are already what was asked for pass byte for byte; everything else is written anew."""

from pathlib import Path

import pytest
from tests.media.conftest import ffmpeg
from tests.media.test_shape import fetched, quiet

from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.ffmpeg import Ffmpeg
from sluicegate.media.mux import shape


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Path:
    """The clips with their index at the front, fragmented, and with HEVC."""
    folder = tmp_path_factory.mktemp("fronted")
    copy = ["-i", clips / "h264-aac.mp4", "-c", "copy"]
    ffmpeg(*copy, "-movflags", "+faststart", folder / "front.mp4")
    ffmpeg(*copy, "-movflags", "frag_keyframe+empty_moov", folder / "pieces.mp4")
    ffmpeg("-i", clips / "aac.m4a", "-c", "copy", "-movflags", "+faststart", folder / "front.m4a")
    (folder / "cut-off.mp4").write_bytes((folder / "front.mp4").read_bytes()[:-60_000])
    return folder


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("front.mp4", MediaOptions()),
        ("front.m4a", MediaOptions(container="m4a", audio_only=True)),
        ("vp9-opus.webm", MediaOptions(container="webm")),
        ("h264-vorbis.mkv", MediaOptions(container="mkv")),
        ("sound.mp3", MediaOptions(container="mp3", audio_only=True)),
        ("sound.opus", MediaOptions(container="opus", audio_only=True)),
    ],
)
async def test_a_file_that_matches_is_not_written_again(
    converter: Ffmpeg, tmp_path: Path, clips: Path, fronted: Path, name: str, options: MediaOptions
):
    source = fronted / name if (fronted / name).exists() else clips / name

    shaped = await shape(converter, fetched(source), options, tmp_path, quiet)

    assert shaped.path.samefile(source)
    assert shaped.size == source.stat().st_size
    assert shaped.video_codec or shaped.audio_codec
    again = await shape(converter, fetched(source), options, tmp_path, quiet)
    assert again.path.samefile(source)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264-aac.mp4", MediaOptions()),
        ("pieces.mp4", MediaOptions()),
        ("front.mp4", MediaOptions(container="mov")),
        ("front.mp4", MediaOptions(clip_end=1.0)),
        ("front.mp4", MediaOptions(container="m4a", audio_only=True)),
        ("front.mp4", MediaOptions(audio_codec="mp3")),
    ],
    ids=["index at the end", "fragments", "container", "clip", "sound alone", "codec"],
)
async def test_anything_else_is_written_anew(
    converter: Ffmpeg, tmp_path: Path, clips: Path, fronted: Path, name: str, options: MediaOptions
):
    source = fronted / name if (fronted / name).exists() else clips / name

    shaped = await shape(converter, fetched(source), options, tmp_path, quiet)

    assert not shaped.path.samefile(source)


async def test_an_mp4_that_lacks_its_end_does_not_pass(converter: Ffmpeg, tmp_path: Path, fronted: Path):
    source = fronted / "cut-off.mp4"

    shaped = await shape(converter, fetched(source), MediaOptions(), tmp_path, quiet)

    assert not shaped.path.samefile(source)
