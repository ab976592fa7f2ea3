import re
from urllib.parse import unquote

import pytest

from sluicegate.web.disposition import content_headers

HOSTILE = [
    'a"; filename="evil.exe',
    "a\r\nSet-Cookie: session=1",
    "a\0b",
    "../../../etc/passwd",
    "..\\..\\boot.ini",
    "C:\\Windows\\x.dll",
    "CON",
    "name. . .",
    "",
    ".",
    "..",
    "a" * 5000 + ".mkv",
    "é" * 5000 + ".mkv",
    "movie\u202egnp.exe",
    "e\u0301.mkv",
    "\ud800.mkv",
    "100%25;x=y.mkv",
    "🎬 фильм 日本.mkv",
    "\u2028\u2029line.mkv",
    "'quoted'.mkv",
    "a,b;c.mkv",
]


def headers(name: str, mime_type: str | None = None, *, download: bool = False) -> dict[str, str]:
    lines = content_headers(name, mime_type, download=download)
    assert len({key for key, _ in lines}) == len(lines)
    assert all(re.fullmatch(rb"[\x20-\x7e]*", value) for _, value in lines)
    return {key.decode(): value.decode() for key, value in lines}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_one_harmless_parameter(name: str) -> None:
    value = headers(name)["content-disposition"]
    found = re.fullmatch(
        r'(inline|attachment); filename="([^"\\%;\r\n]+)"(?:; filename\*=UTF-8\'\'([A-Za-z0-9!#$&+.^_`|~%-]+))?', value
    )
    assert found, value
    for shown in (found[2], unquote(found[3] or "x")):
        assert not set(shown) & set("/\\\0\r\n\u202e\u2028")
        assert shown not in {"", ".", ".."}
        assert len(shown.encode()) <= 255


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("film.mkv", 'inline; filename="film.mkv"'),
        ("Ünï cödé.mkv", "inline; filename=\"Uni code.mkv\"; filename*=UTF-8''%C3%9Cn%C3%AF%20c%C3%B6d%C3%A9.mkv"),
        ("日本.mkv", "inline; filename=\"file.mkv\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.mkv"),
        ("50% off.zip", "attachment; filename=\"50_ off.zip\"; filename*=UTF-8''50%25%20off.zip"),
    ],
)
def test_both_spellings(name: str, expected: str) -> None:
    assert headers(name)["content-disposition"] == expected


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("page.html", None),
        ("page.htm", "text/html"),
        ("page.mkv", "text/html; charset=utf-8"),
        ("page.mkv", "TEXT/HTML"),
        ("image.svg", None),
        ("x", "image/svg+xml"),
        ("x", "application/xhtml+xml"),
        ("x", "text/xml"),
        ("x", "application/javascript"),
        ("x", "text/javascript"),
        ("x", "text/css"),
        ("x", "application/x-shockwave-flash"),
        ("x", "multipart/x-mixed-replace"),
        ("x", "video/x+xml"),
    ],
)
def test_what_can_run_is_never_shown(name: str, mime_type: str | None) -> None:
    lines = headers(name, mime_type)
    assert lines["content-type"] == "application/octet-stream"
    assert lines["content-disposition"].startswith("attachment; ")
    assert lines["x-content-type-options"] == "nosniff"
    assert lines["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize(
    ("name", "mime_type", "kind", "shown"),
    [
        ("a.mp4", None, "video/mp4", True),
        ("a.bin", "video/mp4", "video/mp4", True),
        ("a.mp3", None, "audio/mpeg", True),
        ("a.jpg", None, "image/jpeg", True),
        ("a.srt", None, "application/x-subrip", True),
        ("a.vtt", None, "text/vtt; charset=utf-8", True),
        ("a.nfo", None, "text/plain; charset=utf-8", True),
        ("a.pdf", None, "application/pdf", False),
        ("a.exe", None, "application/octet-stream", False),
        ("a.unknown-thing", None, "application/octet-stream", False),
        ("a.mp4", "nonsense", "application/octet-stream", False),
        ("a.mp4", "video/mp4\r\nX: y", "application/octet-stream", False),
        ("a.mp4", "video/" + "x" * 500, "application/octet-stream", False),
    ],
)
def test_types(name: str, mime_type: str | None, kind: str, shown: bool) -> None:
    lines = headers(name, mime_type)
    assert lines["content-type"] == kind
    assert lines["content-disposition"].startswith("inline" if shown else "attachment")


def test_a_download_is_never_shown() -> None:
    assert headers("a.mp4", download=True)["content-disposition"] == 'attachment; filename="a.mp4"'
