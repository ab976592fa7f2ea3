"""The tables of containers, codecs and qualities."""

import subprocess

import pytest
from tests.media.conftest import FFMPEG

from sluicegate.core.errors import InvalidInput
from sluicegate.core.media import CODECS_BY_CONTAINER
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.formats import (
    CONTAINERS,
    ENCODERS,
    audio_arguments,
    container_of_options,
    crf,
    native_word,
    quality_word,
    video_arguments,
)


def test_every_fall_back_can_be_encoded_by_the_wheel() -> None:
    listed = subprocess.run([FFMPEG, "-v", "error", "-encoders"], capture_output=True, text=True, check=True).stdout
    for container in CONTAINERS.values():
        for codec in (*container.video[:1], *container.audio[:1]):
            assert f" {ENCODERS[codec]} " in listed
    muxers = subprocess.run([FFMPEG, "-v", "error", "-muxers"], capture_output=True, text=True, check=True).stdout
    assert all(f" {container.muxer} " in muxers for container in CONTAINERS.values())


def test_containers_of_the_contract() -> None:
    assert set(CONTAINERS) == {"mp4", "mkv", "webm", "mov", "m4a", "mp3", "ogg", "opus"}
    with pytest.raises(InvalidInput) as caught:
        container_of_options(MediaOptions(container="exe"))
    assert caught.value.field == "format"


@pytest.mark.parametrize("codec", ["copy", "aac", "opus", "mp3"])
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=lambda container: container.name)
def test_sound_always_ends_in_a_codec_of_its_container(container: object, codec: str) -> None:
    if codec not in CODECS_BY_CONTAINER[container.name][1]:  # type: ignore[attr-defined]
        audio_only = not container.video  # type: ignore[attr-defined]
        with pytest.raises(InvalidInput) as caught:
            container_of_options(MediaOptions(container=container.name, audio_only=audio_only, audio_codec=codec))  # type: ignore[attr-defined]
        assert caught.value.field == "audio_codec"
        return
    for source in ("aac", "opus", "mp3", "vorbis", "flac", "ac3", "wmav2"):
        arguments = audio_arguments(MediaOptions(audio_codec=codec), container, source)  # type: ignore[arg-type]
        names = {encoder: name for name, encoder in ENCODERS.items()}
        result = source if arguments[1] == "copy" else names[arguments[1]]
        assert result in container.audio  # type: ignore[attr-defined]


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=lambda container: container.name)
def test_codecs_that_may_be_asked_for_fit(container: object) -> None:
    video, audio = CODECS_BY_CONTAINER[container.name]  # type: ignore[attr-defined]
    names = {"h265": "hevc"}
    assert {names.get(codec, codec) for codec in video - {"copy"}} <= set(container.video)  # type: ignore[attr-defined]
    assert audio - {"copy"} <= set(container.audio)  # type: ignore[attr-defined]
    assert {"copy"} <= video & audio


def test_picture_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        container_of_options(MediaOptions(container="webm", video_codec="h264"))
    assert caught.value.field == "video_codec"


def test_bitrate_only_when_converting() -> None:
    mp4 = CONTAINERS["mp4"]
    assert audio_arguments(MediaOptions(audio_bitrate="320k"), mp4, "aac") == ["-c:a", "copy"]
    assert "320k" in audio_arguments(MediaOptions(audio_bitrate="320k"), mp4, "vorbis")


def test_picture_is_copied_unless_it_must_not_be() -> None:
    mp4, webm = CONTAINERS["mp4"], CONTAINERS["webm"]
    assert video_arguments(MediaOptions(), mp4, "h264", precise=False) == ["-c:v", "copy"]
    assert video_arguments(MediaOptions(), mp4, "h264", precise=True)[1] == "libx264"
    assert video_arguments(MediaOptions(), webm, "h264", precise=False)[1] == "libvpx-vp9"
    assert video_arguments(MediaOptions(), mp4, "hevc", precise=False)[-1] == "hvc1"
    assert video_arguments(MediaOptions(video_codec="h265"), mp4, "hevc", precise=False)[1] == "libx265"


@pytest.mark.parametrize(
    ("options", "h264", "vp9"),
    [
        (MediaOptions(), 23, 31),
        (MediaOptions(video_quality=0), 0, 8),
        (MediaOptions(video_quality=51), 51, 59),
        (MediaOptions(video_quality=10, quality_preset="lowest"), 34, 42),
        (MediaOptions(quality_preset="highest"), 17, 25),
    ],
)
def test_quality_numbers(options: MediaOptions, h264: int, vp9: int) -> None:
    assert (crf(options, "h264"), crf(options, "vp9")) == (h264, vp9)


def test_words() -> None:
    assert quality_word(1920, 1080) == quality_word(1080, 1920) == "1080p"
    assert quality_word(None, None) == "audio"
    assert [native_word(codec) for codec in ("h264", "aac", "opus", None)] == ["avc1", "mp4a", "opus", None]
