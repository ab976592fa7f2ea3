import base64
from contextlib import suppress

import libtorrent as lt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.errors import InvalidInput, MalformedSource, UnsafeSource
from sluicegate.core.magnets import parse_info_hash, parse_magnet, render_magnet
from sluicegate.core.sources import Magnet

V1 = "c9e15763f722f23e98a29decdfae341b98d53056"
V2 = "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"
BASE32 = base64.b32encode(bytes.fromhex(V1)).decode()


@pytest.mark.parametrize("digits", [V1, V1.upper(), BASE32, BASE32.lower()])
def test_v1_hashes_in_every_spelling_give_one_lower_case_hex_hash(digits):
    assert parse_magnet(f"magnet:?xt=urn:btih:{digits}") == Magnet(V1)
    assert parse_info_hash(f"  {digits}\n") == Magnet(V1)


def test_v2_only_is_known_by_its_truncated_hash():
    magnet = parse_magnet(f"magnet:?xt=urn:btmh:1220{V2}")
    assert magnet == parse_info_hash(V2.upper()) == Magnet(V2[:40], V2)
    assert magnet.v2_only


@pytest.mark.parametrize(
    "order", [(f"xt=urn:btih:{V1}", f"xt=urn:btmh:1220{V2}"), (f"xt=urn:btmh:1220{V2}", f"xt=urn:btih:{V1}")]
)
def test_hybrid_names_both_hashes(order):
    magnet = parse_magnet("magnet:?" + "&".join(order))
    assert magnet == Magnet(V1, V2)
    assert not magnet.v2_only


def test_every_parameter_is_read():
    magnet = parse_magnet(
        f"MAGNET:?XT=URN:BTIH:{V1}&dn=A+film%20%282020%29&xl=123&tr=udp%3A%2F%2Ft.example%3A80&tr=http://t.example/a"
        "&tr.1=wss%3A%2F%2Fw.example&ws=https%3A%2F%2Fseed.example%2Ffilm%20x&ws=https%3A%2F%2Fseed.example%2Ff"
        "&x.pe=10.0.0.1:6881&x.pe=[2001:db8::1]:1&x.pe=peer.example:65535&kt=ignored&so=0"
    )
    assert magnet == Magnet(
        V1,
        name="A film (2020)",
        size=123,
        trackers=("udp://t.example:80", "http://t.example/a", "wss://w.example"),
        web_seeds=("https://seed.example/f",),
        peers=("10.0.0.1:6881", "[2001:db8::1]:1", "peer.example:65535"),
    )


@pytest.mark.parametrize(
    "text",
    [
        f"magnet:?xt=urn:btih:{V1}&xt=urn:btih:{V1}",
        f"magnet:?xt=urn:btih:{V1}&xt=urn:btih:{BASE32}",
        f"magnet:?xt.1=urn:btih:{V1}&xt.2=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C",
        f"magnet:?xt=urn%3Abtih%3A{V1}",
        f"magnet:?dn=&amp;xt=urn:btih:{V1}&amp;tr=ftp://x",
        f"magnet:?xt=urn:btih:{V1} &xl=-1",
        f"magnet:?xt=urn:btih:{V1}&xl=99999999999999999999999",
        f"magnet:?xt=urn:btih:{V1}&xl=%D9%A3&tr=http:///x&tr=&tr=http://u:p@h/&tr=http://[&tr=http://h:99999/",
        f"magnet:?xt=urn:btih:{V1}&x.pe=h:0&x.pe=h:65536&x.pe=:1&x.pe=[::1%25eth0]:1&x.pe=a%20b:1&x.pe=::1:1&ws=ftp://x",
    ],
)
def test_repetitions_and_unusable_extras_do_not_matter(text):
    assert parse_magnet(text) == Magnet(V1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begins with 'magnet:\\?'"),
        ("magnet:xt=urn:btih:" + V1, "begins with 'magnet:\\?'"),
        ("magnet:?", "names no torrent"),
        ("magnet:?dn=x", "names no torrent"),
        ("magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C", "names no torrent"),
        ("magnet:?xt=urn:btih:", "0 characters"),
        (f"magnet:?xt=urn:btih:{V1[:39]}", "39 characters"),
        (f"magnet:?xt=urn:btih:{V1}0", "41 characters"),
        (f"magnet:?xt=urn:btih:{V1[:39]}g", "not all of them hexadecimal"),
        (f"magnet:?xt=urn:btih:{V1[:-1]}\u0663", "not all of them hexadecimal"),
        (f"magnet:?xt=urn:btmh:{V2}", "'1220'"),
        (f"magnet:?xt=urn:btmh:1220{V2[:-1]}", "'1220'"),
        (f"magnet:?xt=urn:btmh:1114{V1}", "'1220'"),
        (f"magnet:?xt=urn:btih:{V1}&xt=urn:btih:{V1[::-1]}", "more than one torrent"),
        (f"magnet:?xt=urn:btih:{V1}&xt=urn:btih:zz", "40 hexadecimal"),
        (f"magnet:?xt=urn:btih:{'0' * 40}", "all zeros"),
        (f"magnet:?xt=urn:btih:{'A' * 32}", "all zeros"),
        (f"magnet:?xt=urn:btih:{V1}\n&dn=x", "control character"),
        (f"magnet:?xt=urn:btih:{V1}&dn=\x00", "control character"),
        (f"magnet:?xt=urn:btih:{V1}&dn=\ud800", "control character"),
    ],
)
def test_malformed_magnets_say_what_is_wrong(text, words):
    with pytest.raises(MalformedSource, match=words):
        parse_magnet(text)


@pytest.mark.parametrize(
    "text", ["", "x", V1[:39], V1 + "0", V2[:63], V2 + "0", "0" * 40, "0" * 64, "1" * 32, "ß" * 40]
)
def test_malformed_hashes_are_refused(text):
    with pytest.raises(MalformedSource):
        parse_info_hash(text)


def test_length_limits():
    with pytest.raises(UnsafeSource, match="longer"):
        parse_magnet(f"magnet:?xt=urn:btih:{V1}&dn={'x' * 65_536}")
    with pytest.raises(UnsafeSource, match="parameters"):
        parse_magnet(f"magnet:?xt=urn:btih:{V1}" + "&a=b" * 1_000)
    many = "".join(f"&tr=http://t{i}.example/&ws=http://w{i}.example/&x.pe=h{i}:1" for i in range(150))
    magnet = parse_magnet(f"magnet:?xt=urn:btih:{V1}{many}")
    assert len(magnet.trackers) == len(magnet.web_seeds) == len(magnet.peers) == 100
    assert magnet.trackers[0] == "http://t0.example/"


def test_names_are_cleaned_for_display_and_for_the_database():
    magnet = parse_magnet(f"magnet:?xt=urn:btih:{V1}&dn=a%00b%0D%0Ac%E2%80%AEd%FF%20%20e{'x' * 1000}")
    assert magnet.name.startswith("a b cd")
    assert len(magnet.name) == 500
    assert not set(magnet.name) & set("\0\r\n\u202e")


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=60)
_HEX40 = st.binary(min_size=20, max_size=20).filter(any).map(bytes.hex)
_HEX64 = st.binary(min_size=32, max_size=32).filter(lambda raw: any(raw[:20])).map(bytes.hex)
_URLS = st.lists(_TEXT.map(lambda path: f"https://h.example/{path}"), max_size=3, unique=True).map(tuple)


@given(st.builds(Magnet, _HEX40, st.none() | _HEX64, st.just(""), _URLS, _URLS, st.none() | st.integers(1, 2**62)))
def test_rendered_magnets_read_back_the_same(magnet):
    assert parse_magnet(render_magnet(magnet)) == magnet


@given(_HEX64)
def test_a_rendered_v2_magnet_has_no_v1_hash(digest):
    magnet = Magnet(digest[:40], digest)
    assert render_magnet(magnet) == f"magnet:?xt=urn:btmh:1220{digest}"
    assert parse_magnet(render_magnet(magnet)) == magnet


@given(_HEX40, _TEXT, _URLS)
def test_libtorrent_reads_our_magnets_as_we_do(digest, name, trackers):
    magnet = parse_magnet(render_magnet(Magnet(digest, name=name, trackers=trackers)))
    theirs = lt.parse_magnet_uri(render_magnet(magnet))
    assert (str(theirs.info_hashes.v1), theirs.name, tuple(theirs.trackers)) == (digest, magnet.name, trackers)


@given(st.text(max_size=200).map(lambda tail: f"magnet:?xt=urn:btih:{V1}&{tail}") | st.text(max_size=200))
def test_any_text_is_read_or_refused_with_our_own_error(text):
    with suppress(InvalidInput):
        assert render_magnet(parse_magnet(text)).encode()
