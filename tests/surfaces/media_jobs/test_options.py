"""What the options of a request become, without a server (sheet, section 4.1)."""

from dataclasses import asdict
from typing import Any

import pytest

from sluicegate.core.errors import InvalidInput
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.surfaces.media_jobs.options import read_options
from sluicegate.surfaces.media_jobs.schemas import CreateJob

_URL = "https://x.example/v.mp4"


def read(**options: Any) -> MediaOptions:
    body = CreateJob(url=_URL, **options)
    return read_options(body, body.filename)


def test_what_is_not_said():
    assert asdict(read()) == {
        "container": "mp4", "video_codec": "copy", "audio_codec": "copy", "audio_bitrate": "192k", "video_quality": 23,
        "quality_preset": None, "max_resolution": "best", "audio_only": False, "filename": None, "folder": None,
        "clip_start": None, "clip_end": None, "download_subtitles": False, "download_thumbnail": False,
        "live_recording": False, "live_from_start": False, "max_duration": None, "wait_for_video": False,
        "webhook_url": None, "enable_progress_webhook": False, "own_storage": False,
    }  # fmt: skip


def test_each_option_reaches_the_job():
    said = {
        "video_codec": "h265", "audio_codec": "aac", "audio_bitrate": "64k", "video_quality": 51,
        "quality_preset": "highest", "max_resolution": "2160", "filename": "a name", "folder": "a/folder",
        "download_subtitles": True, "download_thumbnail": True, "live_recording": True, "live_from_start": True,
        "max_duration": 7200, "wait_for_video": True, "webhook_url": "https://hooks.example/x",
        "enable_progress_webhook": True,
    }  # fmt: skip
    options = asdict(read(format="mov", clip_start="1:30", clip_end="00:02:00", **said))
    assert {name: options[name] for name in said} == said
    assert (options["container"], options["clip_start"], options["clip_end"]) == ("mov", 90.0, 120.0)


@pytest.mark.parametrize(
    ("format_", "container"), [(None, "m4a"), ("m4a", "m4a"), ("mp3", "mp3"), ("ogg", "ogg"), ("opus", "opus")]
)
def test_sound_alone(format_: str | None, container: str):
    assert (read(audio_only=True, format=format_).container, read(audio_only=True).audio_only) == (container, True)
    if format_ is not None:
        assert read(format=format_).audio_only, "a container of sound asks for nothing else"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("0", 0.0), ("1:30", 90.0), ("75:00", 4500.0), ("00:01:30", 90.0), ("01:00:00.5", 3600.5)],
)
def test_times(text: str, seconds: float):
    assert read(clip_start=text).clip_start == seconds


@pytest.mark.parametrize("text", ["", "1:60", "00:60:00", "1:2:3:4", "01:90", "1:000030", "-1", "1e3", "٣", "a", "1:"])
def test_what_is_no_time(text: str):
    with pytest.raises(InvalidInput, match="clip_start must be HH:MM:SS, MM:SS or seconds"):
        read(clip_start=text)
