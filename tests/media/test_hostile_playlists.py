"""Playlists that name local files, protected streams and streams without an end."""

from pathlib import Path

import pytest
from tests.media.site import Site

from sluicegate.core.errors import ExtractionFailed, MediaProtected, NoMedia, SluicegateError, UnsafeSource
from sluicegate.core.media import MediaProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.extractor.playlist import MediaPlaylist
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.workshop import Workshop

SECRET = b"root:"
ADDRESSES = [
    "file:///etc/passwd",
    "file:/etc/passwd",
    "FILE:///etc/passwd",
    "concat:file:///etc/passwd|http://127.0.0.1/x",
    "subfile:/etc/passwd",
    "data:text/plain;base64,cm9vdDo=",
    "gopher://127.0.0.1:11211/_stats",
    "ftp://127.0.0.1/etc/passwd",
    "pipe:0",
    "fd:0",
    "tcp://127.0.0.1:22",
    "crypto+file:///etc/passwd",
    "async:cache:file:///etc/passwd",
]


def quiet(_: MediaProgress) -> None:
    pass


def playlist(*lines: str, end: bool = True) -> str:
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines, *(["#EXT-X-ENDLIST"] if end else [])])


async def refuse(workshop: Workshop, folder: Path, url: str, kind: type[SluicegateError]) -> SluicegateError:
    with pytest.raises(kind) as caught:
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert all(SECRET not in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return caught.value


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_foreign_address_is_refused(address: str) -> None:
    with pytest.raises(Refusal) as caught:
        MediaPlaylist.parse(playlist("#EXTINF:1.0,", "1.ts", "#EXTINF:1.0,", address), "http://site/x.m3u8")
    assert isinstance(caught.value.error, UnsafeSource)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "data:text/plain;base64,cm9vdDo="])
async def test_segment_elsewhere(workshop: Workshop, folder: Path, site: Site, hls: Path, address: str) -> None:
    """T20: a playlist that names local files fails clearly and reads nothing."""
    site.put("/1.ts", hls / "v360-0.ts")
    url = site.put("/x.m3u8", playlist("#EXTINF:1.0,", "1.ts", "#EXTINF:1.0,", address))

    error = await refuse(workshop, folder, url, UnsafeSource)

    assert not error.transient
    assert "/1.ts" not in site.paths, "refused before any segment is fetched"


@pytest.mark.parametrize(
    "tag", ['#EXT-X-MAP:URI="{}"', '#EXT-X-KEY:METHOD=AES-128,URI="{}",IV=0x00000000000000000000000000000001']
)
async def test_key_or_map_elsewhere(workshop: Workshop, folder: Path, site: Site, hls: Path, tag: str) -> None:
    site.put("/1.ts", hls / "v360-0.ts")
    url = site.put("/x.m3u8", playlist(tag.format("file:///etc/passwd"), "#EXTINF:1.0,", "1.ts"))

    await refuse(workshop, folder, url, UnsafeSource)


async def test_variant_elsewhere(workshop: Workshop, folder: Path, site: Site) -> None:
    url = site.put(
        "/master.m3u8",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360\nfile:///etc/passwd\n",
    )

    await refuse(workshop, folder, url, UnsafeSource)


async def test_redirect_to_a_file(workshop: Workshop, folder: Path, site: Site) -> None:
    site.redirect("/1.ts", "file:///etc/passwd")
    url = site.put("/x.m3u8", playlist("#EXTINF:1.0,", "1.ts"))

    await refuse(workshop, folder, url, UnsafeSource)


async def test_subfile_with_commas_is_an_ordinary_relative_address(
    workshop: Workshop, folder: Path, site: Site, hls: Path
) -> None:
    url = site.put("/x.m3u8", playlist("#EXTINF:1.0,", "subfile,,start,0,end,100,,:/etc/passwd"))

    await refuse(workshop, folder, url, ExtractionFailed)
    assert site.paths[-1] == "/subfile,,start,0,end,100,,:/etc/passwd"


async def test_dash_manifest_elsewhere(workshop: Workshop, folder: Path, site: Site) -> None:
    url = site.put(
        "/x.mpd",
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" width="64" height="64" '
        'codecs="avc1.64001f"><BaseURL>file:///etc/</BaseURL><SegmentList duration="1"><SegmentURL media="passwd"/>'
        "</SegmentList></Representation></AdaptationSet></Period></MPD>",
        headers={"Content-Type": "application/dash+xml"},
    )

    with pytest.raises(SluicegateError) as caught:
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert caught.value.code in {"unsafe_source", "extraction_failed"}
    assert all(SECRET not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


KEYS = [
    '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMAT="com.apple.streamingkeydelivery"',
    '#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="http://127.0.0.1/k",KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"',
    '#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1/k",KEYFORMAT="com.microsoft.playready"',
    '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="data:text/plain;base64,AAAA"',
    "#EXT-X-KEY:URI=x",
]


@pytest.mark.parametrize("key", KEYS)
def test_protection_is_recognised(key: str) -> None:
    with pytest.raises(Refusal) as caught:
        MediaPlaylist.parse(playlist(key, "#EXTINF:1.0,", "1.ts"), "http://site/x.m3u8")
    assert isinstance(caught.value.error, MediaProtected)


async def test_protected_stream_is_skipped(workshop: Workshop, folder: Path, site: Site, hls: Path) -> None:
    site.put("/1.ts", hls / "v360-0.ts")
    url = site.put("/x.m3u8", playlist(KEYS[1], "#EXTINF:1.0,", "1.ts"))

    await refuse(workshop, folder, url, MediaProtected)
    assert "/1.ts" not in site.paths


def test_playlist_without_an_end() -> None:
    with pytest.raises(Refusal) as caught:
        MediaPlaylist.parse("#EXTM3U\n" + "#EXTINF:1.0,\n1.ts\n" * 60_000, "http://site/x.m3u8")
    assert isinstance(caught.value.error, UnsafeSource)


async def test_huge_playlist(workshop: Workshop, folder: Path, site: Site) -> None:
    url = site.put("/x.m3u8", b"#EXTM3U\n" + b"#" * (40 << 20))

    await refuse(workshop, folder, url, UnsafeSource)


async def test_empty_playlist(workshop: Workshop, folder: Path, site: Site) -> None:
    url = site.put("/x.m3u8", playlist())

    with pytest.raises(SluicegateError) as caught:
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert not list(folder.glob("*-fetched.json"))
    assert caught.value.code in {"no_media", "extraction_failed"}


async def test_segments_that_are_text(workshop: Workshop, folder: Path, site: Site) -> None:
    site.put("/1.ts", b"<html>login please</html>" * 100)
    url = site.put("/x.m3u8", playlist("#EXTINF:1.0,", "1.ts"))

    await refuse(workshop, folder, url, NoMedia)


async def test_encrypted_with_a_key_that_is_handed_out(
    workshop: Workshop, folder: Path, site: Site, clips: Path, tmp_path: Path
) -> None:
    from tests.media.conftest import ffmpeg

    (tmp_path / "key").write_bytes(bytes(range(16)))
    (tmp_path / "info").write_text(f"{site.url}/enc/key\n{tmp_path}/key\n")
    (tmp_path / "enc").mkdir()
    ffmpeg("-i", clips / "h264-aac.mp4", "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod",
           "-hls_key_info_file", tmp_path / "info", tmp_path / "enc" / "x.m3u8")  # fmt: skip
    (tmp_path / "key").rename(tmp_path / "enc" / "key")
    site.put_folder("/enc", tmp_path / "enc")

    fetched = await workshop.fetch(f"{site.url}/enc/x.m3u8", MediaOptions(), folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, MediaOptions(), folder, on_progress=quiet)

    assert shaped.duration == pytest.approx(3, abs=0.1)
