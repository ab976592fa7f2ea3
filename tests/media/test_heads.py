"""What the first bytes of a file tell, of files that ffmpeg makes and of boxes made by hand."""

from pathlib import Path

import pytest
from tests.media.conftest import X264, ffmpeg, picture, tone

from sluicegate.media.heads import streams_of
from sluicegate.media.sniff import HEAD_BYTES


def movie_header(version: int, scale: int, length: int) -> bytes:
    wide = 8 if version else 4
    return (
        b"mvhd" + bytes([version, 0, 0, 0]) + bytes(2 * wide) + scale.to_bytes(4, "big") + length.to_bytes(wide, "big")
    )


def test_a_film_with_its_index_at_the_front(tmp_path: Path):
    path = tmp_path / "film.mp4"
    ffmpeg(*picture("320x180", 1), *tone(1), *X264, "-c:a", "aac", "-movflags", "+faststart", path)
    told = streams_of("mp4", path.read_bytes()[:HEAD_BYTES])
    assert (told.video, told.audio, told.width, told.height) == ("avc1", "mp4a", 320, 180)
    assert told.duration == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("head", "seconds"),
    [
        (movie_header(0, 1000, 90_500), 90.5),
        (movie_header(1, 48_000, 48_000 * 7200), 7200.0),
        (movie_header(0, 1000, 0), None),
        (movie_header(0, 0, 1000), None),
        (movie_header(0, 1000, 2**32 - 1), None),
        (movie_header(0, 1000, 5)[:-1], None),
        (b"mvhd\x02" + bytes(40), None),
        (b"", None),
    ],
)
def test_the_duration_of_a_movie_header(head: bytes, seconds: float | None):
    assert streams_of("mp4", head).duration == seconds
