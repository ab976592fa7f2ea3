from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.torrents import torrent, v1_info

from sluicegate.core.errors import InvalidInput, MalformedSource, UnsafeSource
from sluicegate.core.source_reading import read_source, read_upload
from sluicegate.core.sources import Magnet, Nzb, TorrentFile, WebLink

HASH = "c9e15763f722f23e98a29decdfae341b98d53056"

NZB = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nzb PUBLIC "-//newzBin//DTD NZB 1.1//EN" "http://www.newzbin.com/DTD/nzb/nzb-1.1.dtd">
<nzb xmlns="http://www.newzbin.com/DTD/2003/nzb">
 <file poster="p" date="1" subject="s"><groups><group>a.b</group></groups>
  <segments><segment bytes="1" number="1">id@host</segment></segments></file>
</nzb>"""


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (f" magnet:?xt=urn:btih:{HASH}\n", Magnet(HASH)),
        (f"Magnet:?xt=urn:btih:{HASH}", Magnet(HASH)),
        (HASH.upper(), Magnet(HASH)),
        ("https://h.example/a.torrent", WebLink("https://h.example/a.torrent")),
        ("HTTP://h.example", WebLink("http://h.example/")),
    ],
)
def test_the_form_decides(text, source):
    assert read_source(text) == source


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Nothing"),
        ("   ", "Nothing"),
        ("magnet:", "begins with"),
        ("h.example/x", "neither"),
        ("/etc/passwd", "neither"),
        ("a film", "neither"),
        ("ftp://h.example/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("-x", "begin with '-'"),
        (HASH[:-1], "39 characters"),
        ("film", "4 characters"),
    ],
)
def test_unreadable_text_is_explained(text, words):
    with pytest.raises(MalformedSource, match=words):
        read_source(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_our_own_error(text):
    with suppress(InvalidInput):
        assert read_source(text)


def test_uploads_are_told_apart_by_their_bytes():
    assert isinstance(read_upload("x.nzb", torrent(v1_info([([b"a"], 1)]))), TorrentFile)
    assert read_upload("../A film.nzb", NZB) == Nzb(".._A film.nzb", NZB)
    assert isinstance(read_upload("x", b"\xef\xbb\xbf" + NZB), Nzb)
    utf16 = NZB.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    assert isinstance(read_upload("x", utf16), Nzb)
    assert isinstance(read_upload("x", NZB.replace(b"UTF-8", b"ISO-8859-1")), Nzb)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04", "neither"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n <HTML>", "web page"),
        (b"<rss/>", "kind 'rss'"),
        (b"<nzb/>", "no articles"),
        (b"<nzb><file/></nzb>", "no articles"),
        (NZB[:-10], "not well-formed"),
        (NZB + b"<nzb/>", "not well-formed"),
        (NZB.replace(b"UTF-8", b"punycode"), "not well-formed"),
        (NZB.replace(b"UTF-8", b"no-such"), "not well-formed"),
        (NZB.replace(b'subject="s"', b'subject="\xff"'), "not well-formed"),
    ],
)
def test_unreadable_uploads_are_explained(raw, words):
    with pytest.raises(MalformedSource, match=words):
        read_upload("x", raw)


_LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 10))


@pytest.mark.parametrize(
    "raw",
    [
        b'<!DOCTYPE nzb [<!ENTITY l0 "lol">' + _LAUGHS + b"]><nzb>&l9;</nzb>",
        b'<!DOCTYPE nzb [<!ENTITY x SYSTEM "file:///etc/passwd">]><nzb>&x;</nzb>',
        b'<!DOCTYPE nzb [<!ENTITY % x SYSTEM "http://127.0.0.1/">%x;]><nzb/>',
        b"<!DOCTYPE nzb []><nzb/>",
        NZB.replace(b"id@host", b"&undeclared;"),
        b"<nzb>" + b"<a>" * 100_000,
        b"<nzb>" + b"<a/>" * 1_000_001,
        b"<nzb>" + b" " * 32 * 1024 * 1024,
    ],
)
def test_xml_bombs_are_refused(raw):
    with pytest.raises(UnsafeSource):
        read_upload("x.nzb", raw)


@given(st.floats(0, 1), st.integers(0, 10), st.binary(max_size=10))
@settings(max_examples=500)
def test_damaged_nzbs_raise_nothing_but_our_own_errors(place, width, graft):
    damaged = bytearray(NZB)
    at = int(place * len(damaged))
    damaged[at : at + width] = graft
    with suppress(InvalidInput):
        read_upload("x.nzb", bytes(damaged))
