"""First bytes of real files, and of files that pretend."""

from pathlib import Path

import pytest
from tests.media.conftest import ffmpeg, picture, tone

from sluicegate.media.sniff import HEAD_BYTES, Looks, classify, container_of, picture_of


def head(path: Path) -> bytes:
    return path.read_bytes()[:HEAD_BYTES]


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("h264-aac.mp4", "mp4"),
        ("vp9-opus.webm", "webm"),
        ("h264-vorbis.mkv", "mkv"),
        ("aac.m4a", "m4a"),
        ("sound.mp3", "mp3"),
        ("sound.opus", "ogg"),
    ],
)
def test_files_of_ours(clips: Path, name: str, container: str) -> None:
    assert container_of(head(clips / name)) == container
    assert classify(head(clips / name)) is Looks.MEDIA


@pytest.mark.parametrize(
    ("name", "arguments", "container"),
    [
        ("x.ts", ["-c:v", "mpeg2video"], "mpegts"),
        ("x.m2ts", ["-mpegts_m2ts_mode", "1", "-f", "mpegts"], "mpegts"),
        ("x.mov", ["-c:v", "mpeg4"], "mov"),
        ("x.avi", ["-c:v", "mpeg4"], "avi"),
        ("x.flv", ["-c:v", "flv1"], "flv"),
        ("x.asf", ["-c:v", "mpeg4"], "asf"),
        ("x.mpg", ["-c:v", "mpeg1video"], "mpeg"),
        ("frag.mp4", ["-c:v", "mpeg4", "-movflags", "frag_keyframe+empty_moov+default_base_moof"], "mp4"),
    ],
)
def test_pictures_that_ffmpeg_writes(tmp_path: Path, name: str, arguments: list[str], container: str) -> None:
    ffmpeg(*picture("64x64", 0.2), *arguments, tmp_path / name)
    assert container_of(head(tmp_path / name)) == container


@pytest.mark.parametrize(
    ("name", "arguments", "container"),
    [
        ("x.wav", [], "wav"),
        ("x.flac", [], "flac"),
        ("x.aac", [], "aac"),
        ("bare.mp3", ["-id3v2_version", "0", "-write_xing", "0"], "mp3"),
        ("x.ac3", [], "ac3"),
        ("x.oga", ["-c:a", "flac"], "ogg"),
    ],
)
def test_sounds_that_ffmpeg_writes(tmp_path: Path, name: str, arguments: list[str], container: str) -> None:
    ffmpeg(*tone(0.3), *arguments, tmp_path / name)
    assert container_of(head(tmp_path / name)) == container


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"M",
        b"MZ\x90\x00" + bytes(200),
        b"\x7fELF" + bytes(200),
        b"#!/bin/sh\n",
        b"[Desktop Entry]\n",
        b"[InternetShortcut]\r\n",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"%PDF-1.7",
        b"free beer for all, ftyp and moov",
        b"its free to moov" * 10,
        b"GGGGGG" * 10,
        b"\xff\xfe<\x00h\x00",
        b"\xff\xff\xff\xff",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"\x89PNG\r\n\x1a\n",
        b"d8:announce",
    ],
)
def test_what_is_no_media(body: bytes) -> None:
    """T22: programs and scripts are no media, whatever they are called."""
    assert container_of(body) is None
    assert classify(body) is Looks.OTHER


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html>",
        b"\xef\xbb\xbf \r\n<html>",
        b"#EXTM3U\n",
        b'<?xml version="1.0"?><MPD>',
        b'{"a":1}',
        b"[playlist]",
    ],
)
def test_what_is_to_be_read(body: bytes) -> None:
    assert classify(body) is Looks.PAGE


def test_pictures(clips: Path) -> None:
    assert picture_of(head(clips / "frame.jpg")) == "jpg"
    assert picture_of(b"\x89PNG\r\n\x1a\n123") == "png"
    assert picture_of(b"RIFF\0\0\0\0WEBPVP8 ") == "webp"
    assert picture_of(b"<svg onload=alert(1)>") is None
    assert picture_of(b"") is None
