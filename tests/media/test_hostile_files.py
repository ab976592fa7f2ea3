"""Files that try to make ffmpeg read other files: playlists in disguise, concat scripts, AVI with GAB2 subtitles."""

import struct
from pathlib import Path

import pytest

from sluicegate.core.errors import ConversionFailed
from sluicegate.core.media import FetchedMedia, MediaFacts, MediaProgress, MediaTrack
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.ffmpeg import Ffmpeg
from sluicegate.media.mux import shape

CANARY = b"3f1c-root:x:0:0"


def quiet(_: MediaProgress) -> None:
    pass


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file the attacker wants, inside the job's folder even, so that no other wall but ffmpeg's own hides it."""
    path = tmp_path / "canary.txt"
    path.write_bytes(CANARY * 50)
    return path


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def listing(kind: bytes, *chunks: bytes) -> bytes:
    return chunk(b"LIST", kind + b"".join(chunks))


def gab2_avi(frame: bytes, subtitle: bytes) -> bytes:
    """An AVI with one motion JPEG picture and a subtitle stream whose content is ``subtitle``, of any format."""
    header = struct.pack("<14I", 40_000, 0, 0, 0, 1, 0, 2, len(frame), 320, 180, 0, 0, 0, 0)
    video = b"vidsMJPG" + struct.pack("<10I4H", 0, 0, 0, 1, 25, 0, 1, len(frame), 0, 0, 0, 0, 320, 180)
    picture = struct.pack("<IiiHH4sIiiII", 40, 320, 180, 1, 24, b"MJPG", len(frame), 0, 0, 0, 0)
    text = b"txts" + struct.pack("<11I4H", 0, 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    name = "x".encode("utf-16-le") + b"\0\0"
    gab2 = b"GAB2\0" + struct.pack("<HI", 2, len(name)) + name + struct.pack("<HI", 4, len(subtitle)) + subtitle
    streams = listing(
        b"hdrl",
        chunk(b"avih", header),
        listing(b"strl", chunk(b"strh", video), chunk(b"strf", picture)),
        listing(b"strl", chunk(b"strh", text), chunk(b"strf", b"")),
    )
    movie = listing(b"movi", chunk(b"00dc", frame), chunk(b"01tx", gab2))
    return chunk(b"RIFF", b"AVI " + streams + movie)


def hls(address: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5.0,\n{address}\n#EXT-X-ENDLIST\n"


async def attempt(
    converter: Ffmpeg, folder: Path, path: Path, canary: Path, container: str = "mkv"
) -> Exception | None:
    """Shapes ``path``; whatever happens, the canary is in no file of the folder but its own."""
    source = FetchedMedia((MediaTrack(path, path.stat().st_size),), MediaFacts(), strategy="http")
    failure = None
    try:
        await shape(converter, source, MediaOptions(container=container), folder, quiet)
    except ConversionFailed as error:
        failure = error
    for file in folder.iterdir():
        if file not in {canary, path}:
            assert CANARY * 2 not in file.read_bytes(), file
    return failure


@pytest.mark.parametrize(
    "text",
    [
        hls("file://{canary}"),
        hls("{canary}"),
        hls("canary.txt"),
        hls("concat:file://{canary}|file://{canary}"),
        hls("subfile,,start,0,end,100,,:{canary}"),
        hls("data:text/plain,3f1c-root:x:0:0 "),
        hls("fd:0"),
        "ffconcat version 1.0\nfile '{canary}'\n",
        "ffconcat version 1.0\nfile canary.txt\n",
        "<MPD><Period><AdaptationSet><Representation><BaseURL>file://{canary}</BaseURL></Representation></AdaptationSet>",
        "[Script Info]\nnot media",
    ],
)
async def test_text_in_the_place_of_media(converter: Ffmpeg, tmp_path: Path, canary: Path, text: str) -> None:
    """T20: a playlist in disguise reads nothing."""
    for name in ("track0", "track0.mp4", "track0.m3u8"):
        path = tmp_path / name
        path.write_text(text.replace("{canary}", str(canary)))
        assert await attempt(converter, tmp_path, path, canary) is not None


@pytest.mark.parametrize("address", ["file://{canary}", "{canary}", "concat:{canary}", "http://127.0.0.1:1/x"])
async def test_gab2_subtitles(converter: Ffmpeg, tmp_path: Path, clips: Path, canary: Path, address: str) -> None:
    """T20. The picture may be converted; the playlist in the subtitle is not followed."""
    frame = (clips / "frame.jpg").read_bytes()
    path = tmp_path / "track0"
    path.write_bytes(gab2_avi(frame, hls(address.replace("{canary}", str(canary))).encode()))

    assert await attempt(converter, tmp_path, path, canary) is None


async def test_quicktime_that_points_to_another_file(
    converter: Ffmpeg, tmp_path: Path, clips: Path, canary: Path
) -> None:
    """A data reference of kind ``url`` in the place of ``self-contained``."""
    movie = (clips / "h264-aac.mp4").read_bytes()
    place = movie.index(b"url \x00\x00\x00\x01")
    forged = movie[:place] + b"url \x00\x00\x00\x00" + movie[place + 8 :]
    path = tmp_path / "track0"
    path.write_bytes(forged)

    await attempt(converter, tmp_path, path, canary)


async def test_symbolic_link_is_not_followed(converter: Ffmpeg, tmp_path: Path, clips: Path) -> None:
    path = tmp_path / "track0"
    path.symlink_to(clips / "h264-aac.mp4")
    source = FetchedMedia((MediaTrack(path, 1),), MediaFacts(), strategy="http")

    with pytest.raises(OSError, match="symbolic"):
        await shape(converter, source, MediaOptions(), tmp_path, quiet)


@pytest.mark.parametrize("damage", ["cut", "zeros", "noise", "empty"])
async def test_damaged_media(converter: Ffmpeg, tmp_path: Path, clips: Path, damage: str) -> None:
    whole = (clips / "h264-aac.mp4").read_bytes()
    path = tmp_path / "track0"
    path.write_bytes(
        {"cut": whole[: len(whole) // 3], "zeros": whole[:32] + bytes(50_000), "noise": bytes(range(256)) * 200,
         "empty": b""}[damage]
    )  # fmt: skip
    source = FetchedMedia((MediaTrack(path, path.stat().st_size),), MediaFacts(), strategy="http")

    with pytest.raises(ConversionFailed):
        await shape(converter, source, MediaOptions(), tmp_path, quiet)
    assert not (tmp_path / "shaped.mp4").exists()
