"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on the loopback."""
    with Site.running() as running:
        yield running


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of picture and sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(*picture("640x360", 3), *tone(3), *X264, "-c:a", "aac", path)
    return path


@pytest.fixture(scope="session")
def playlist(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clip as HLS: ``index.m3u8`` and its segments."""
    folder = tmp_path_factory.mktemp("hls")
    ffmpeg("-i", clip, "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", folder / "index.m3u8")
    return folder
