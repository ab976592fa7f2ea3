"""Shaping: what is copied, what is converted, what comes out; read back from the results."""

from pathlib import Path

import pytest
from tests.media.conftest import FFMPEG, ffmpeg

from sluicegate.core.errors import ConversionFailed, InternalError, InvalidInput, StorageFull, UnsafeSource
from sluicegate.core.media import FetchedMedia, MediaFacts, MediaProgress, MediaTrack, ShapedMedia
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.child import ChildLimits
from sluicegate.media.ffmpeg import Ffmpeg, find_ffmpeg, opened
from sluicegate.media.mux import shape
from sluicegate.media.probe import MediaStreams, probe_file


def quiet(_: MediaProgress) -> None:
    pass


def fetched(
    *paths: Path, title: str | None = "A title", starts_at: float = 0.0, duration: float | None = None
) -> FetchedMedia:
    tracks = tuple(MediaTrack(path, path.stat().st_size, starts_at) for path in paths)
    return FetchedMedia(tracks, MediaFacts(title=title, duration=duration), strategy="http")


async def make(converter: Ffmpeg, folder: Path, options: MediaOptions, *paths: Path) -> ShapedMedia:
    return await shape(converter, fetched(*paths), options, folder, quiet)


@pytest.mark.parametrize(
    ("source", "options", "video", "audio"),
    [
        ("h264-aac.mp4", MediaOptions(), "h264", "aac"),
        ("h264-aac.mp4", MediaOptions(container="mkv"), "h264", "aac"),
        ("h264-aac.mp4", MediaOptions(container="mov"), "h264", "aac"),
        ("h264-aac.mp4", MediaOptions(container="webm"), "vp9", "opus"),
        ("vp9-opus.webm", MediaOptions(), "vp9", "opus"),
        ("vp9-opus.webm", MediaOptions(container="webm"), "vp9", "opus"),
        ("vp9-opus.webm", MediaOptions(container="mov"), "h264", "aac"),
        ("h264-vorbis.mkv", MediaOptions(), "h264", "aac"),
        ("h264-vorbis.mkv", MediaOptions(container="mkv"), "h264", "vorbis"),
        ("h264-aac.mp4", MediaOptions(audio_codec="mp3"), "h264", "mp3"),
        ("h264-aac.mp4", MediaOptions(video_codec="h265", quality_preset="lowest"), "hevc", "aac"),
        ("portrait.mp4", MediaOptions(video_codec="vp9", container="webm", audio_codec="opus"), "vp9", "opus"),
        ("silent.mp4", MediaOptions(), "h264", None),
        ("h264-aac.mp4", MediaOptions(container="m4a", audio_only=True), None, "aac"),
        ("h264-aac.mp4", MediaOptions(container="mp3", audio_only=True, audio_bitrate="64k"), None, "mp3"),
        ("h264-aac.mp4", MediaOptions(container="ogg", audio_only=True), None, "opus"),
        ("sound.mp3", MediaOptions(container="opus", audio_only=True), None, "opus"),
        ("sound.opus", MediaOptions(container="opus", audio_only=True), None, "opus"),
        ("sound.mp3", MediaOptions(container="m4a", audio_only=True), None, "aac"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_containers_and_codecs(
    converter: Ffmpeg,
    tmp_path: Path,
    clips: Path,
    source: str,
    options: MediaOptions,
    video: str | None,
    audio: str | None,
) -> None:
    shaped = await make(converter, tmp_path, options, clips / source)

    assert shaped.path == tmp_path / f"shaped.{options.container}"
    assert (shaped.video_codec, shaped.audio_codec) == (video, audio)
    assert shaped.size == shaped.path.stat().st_size
    assert not (tmp_path / f"shaping.{options.container}").exists()
    again = await probe_file(converter, shaped.path, folder=tmp_path)
    assert (again.video, again.audio) == (video, audio)


async def test_copying_leaves_the_packets_alone(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    shaped = await make(converter, tmp_path, MediaOptions(container="mkv"), clips / "h264-aac.mp4")

    assert shaped.native_video_codec == "avc1"
    assert shaped.native_audio_codec == "mp4a"
    for stream in ("v", "a"):
        before, after = tmp_path / "before", tmp_path / "after"
        for source, target in ((clips / "h264-aac.mp4", before), (shaped.path, after)):
            # The data muxer writes bare packets.
            ffmpeg("-i", source, "-map", f"0:{stream}", "-c", "copy", "-bsf:v", "null", "-f", "data", target)
        assert before.read_bytes() == after.read_bytes()


async def test_quality_words(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    landscape = await make(converter, tmp_path, MediaOptions(), clips / "h264-aac.mp4")
    portrait = await make(converter, tmp_path, MediaOptions(), clips / "portrait.mp4")
    sound = await make(converter, tmp_path, MediaOptions(container="mp3", audio_only=True), clips / "sound.mp3")

    assert [item.actual_quality for item in (landscape, portrait, sound)] == ["360p", "360p", "audio"]


async def test_two_tracks_become_one_file(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    shaped = await make(converter, tmp_path, MediaOptions(), clips / "silent.mp4", clips / "aac.m4a")

    assert (shaped.video_codec, shaped.audio_codec) == ("h264", "aac")


def frames(path: Path) -> int:
    """Decoded pictures that a player would show."""
    import subprocess

    answer = subprocess.run(
        [FFMPEG, "-v", "error", "-i", path, "-map", "0:v", "-f", "framecrc", "-"], capture_output=True, check=True
    )
    return sum(not line.startswith(b"#") for line in answer.stdout.splitlines())


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm"])
async def test_clip_is_accurate(converter: Ffmpeg, tmp_path: Path, clips: Path, container: str) -> None:
    """A second and a half from between two key frames, which are a second apart."""
    options = MediaOptions(container=container, clip_start=0.48, clip_end=1.98)

    shaped = await make(converter, tmp_path, options, clips / "h264-aac.mp4")

    assert shaped.duration == pytest.approx(1.5, abs=0.1)
    assert frames(shaped.path) == pytest.approx(37.5, abs=2.5)


async def test_clip_without_an_end_and_without_a_start(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    tail = await make(converter, tmp_path, MediaOptions(clip_start=2.0), clips / "h264-aac.mp4")
    head = await make(converter, tmp_path, MediaOptions(clip_end=1.0), clips / "h264-aac.mp4")

    assert tail.duration == pytest.approx(1.0, abs=0.1)
    assert head.duration == pytest.approx(1.0, abs=0.1)


async def test_clip_of_sound(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    options = MediaOptions(container="m4a", audio_only=True, clip_start=1.0, clip_end=2.0)

    shaped = await make(converter, tmp_path, options, clips / "h264-aac.mp4")

    assert shaped.duration == pytest.approx(1.0, abs=0.1)


async def test_clip_beyond_the_end(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    with pytest.raises(ConversionFailed, match="beyond the end"):
        await make(converter, tmp_path, MediaOptions(clip_start=60, clip_end=61), clips / "h264-aac.mp4")


async def test_wrong_combinations(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    with pytest.raises(InvalidInput):
        await make(converter, tmp_path, MediaOptions(container="mp3"), clips / "h264-aac.mp4")
    with pytest.raises(InvalidInput):
        await make(converter, tmp_path, MediaOptions(container="../x"), clips / "h264-aac.mp4")
    with pytest.raises(ConversionFailed):
        await make(converter, tmp_path, MediaOptions(container="mp3", audio_only=True), clips / "silent.mp4")


async def test_progress(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    told: list[MediaProgress] = []
    source = fetched(clips / "h264-aac.mp4", duration=3.0)
    options = MediaOptions(video_codec="vp9", container="webm", audio_codec="opus")

    shaped = await shape(converter, source, options, tmp_path, told.append)

    assert told[-1] == MediaProgress(done=shaped.size, total=shaped.size, fraction=1.0)
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert all(0 <= (step.fraction or 0) <= 1 for step in told)


async def test_shaping_twice_gives_the_file_again(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    first = await make(converter, tmp_path, MediaOptions(), clips / "h264-aac.mp4")
    second = await make(converter, tmp_path, MediaOptions(), clips / "h264-aac.mp4")

    assert first.path == second.path
    assert first.size == second.size


@pytest.mark.parametrize("title", ["plain", "-y", "a\nb=c", "=;\\'\"", "\x1b[31mred", "x" * 10_000, ""])
async def test_title_is_one_line_of_text(converter: Ffmpeg, tmp_path: Path, clips: Path, title: str) -> None:
    shaped = await shape(converter, fetched(clips / "silent.mp4", title=title), MediaOptions(), tmp_path, quiet)

    ffmpeg("-i", shaped.path, "-f", "ffmetadata", tmp_path / "tags")
    lines = [line for line in (tmp_path / "tags").read_text().splitlines() if line.startswith("title=")]
    assert len(lines) == (1 if title else 0)
    assert all("\x1b" not in line and len(line) < 700 for line in lines)


async def test_tags_of_the_source_are_not_kept(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    tagged = tmp_path / "tagged.mp4"
    ffmpeg("-i", clips / "silent.mp4", "-c", "copy", "-metadata", "comment=tracker", "-metadata", "title=other", tagged)

    shaped = await make(converter, tmp_path, MediaOptions(), tagged)

    assert b"tracker" not in shaped.path.read_bytes()
    assert b"A title" in shaped.path.read_bytes()


async def test_forged_listing_in_a_title(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    forged = tmp_path / "forged.mp4"
    title = "title=x\n#codec_id 0: evil\n#dimensions 0: 9999x9999\n  Stream #0:0: Video: evil, 9999x9999"
    ffmpeg("-i", clips / "silent.mp4", "-c", "copy", "-metadata", title, forged)

    assert await probe_file(converter, forged, folder=tmp_path) == MediaStreams("h264", None, 320, 180)


async def test_full_disk(converter: Ffmpeg, clips: Path) -> None:
    """The device that is always full, in the place of a file in the folder."""
    with opened([clips / "h264-aac.mp4"]) as handles:
        arguments = [*converter.inputs(handles), "-c", "copy", "-f", "matroska", "file:/dev/full"]
        with pytest.raises(StorageFull):
            await converter.run(arguments, folder=Path("/dev"), handles=handles, on_line=lambda _: None)


async def test_limits(tmp_path: Path, clips: Path) -> None:
    small = Ffmpeg(FFMPEG, ChildLimits(wall_seconds=60, cpu_seconds=60, memory=6 << 30, file_size=20_000))
    with pytest.raises(UnsafeSource, match="larger"):
        await make(small, tmp_path, MediaOptions(), clips / "h264-aac.mp4")
    assert not (tmp_path / "shaped.mp4").exists()

    hurried = Ffmpeg(FFMPEG, ChildLimits(wall_seconds=0.05, cpu_seconds=60, memory=6 << 30, file_size=1 << 30))
    with pytest.raises(UnsafeSource, match="longer"):
        await make(hurried, tmp_path, MediaOptions(), clips / "h264-aac.mp4")


def test_a_machine_without_ffmpeg_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    """It is looked for when something is to be converted; everything else goes on without."""

    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", none)
    with pytest.raises(InternalError) as caught:
        find_ffmpeg()
    assert "Install ffmpeg" in caught.value.action
