import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.errors import InvalidInput, MalformedSource, UnsafeSource
from sluicegate.core.web_links import link_hash, parse_link


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://h.example", "http://h.example/"),
        ("  HTTPS://H.Example:443/A?b=C \n", "https://h.example/A?b=C"),
        ("http://h.example:80/x#part", "http://h.example/x"),
        ("http://h.example:8080", "http://h.example:8080/"),
        ("https://h.example./x", "https://h.example/x"),
        ("https://h.example?q=1", "https://h.example/?q=1"),
        ("https://h.example/%2f%2F/a%20b", "https://h.example/%2f%2F/a%20b"),
        ("https://h.example/ü/\u65e5?q=é", "https://h.example/%C3%BC/%E6%97%A5?q=%C3%A9"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://日本。example/", "https://xn--wgv71a.example/"),
        ("http://[2001:DB8:0::1]:80/", "http://[2001:db8::1]/"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("https://mega.nz/file/a#key", "https://mega.nz/file/a#key"),
        ("https://h.example/a.torrent", "https://h.example/a.torrent"),
    ],
)
def test_links_have_one_spelling(text, url):
    assert parse_link(text).url == url
    assert parse_link(url).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h.example/x",
        "//h.example/x",
        "ftp://h.example/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "http:",
        "http://",
        "http:///x",
        "http://:80/",
        "http:h.example",
        "http://user@h.example/",
        "http://user:pass@h.example/",
        "http://@h.example/",
        "http://h.example\\@evil.example/",
        "http://h.example/a b",
        "http://h.example/a\tb",
        "http://h.example/\r\nHost: x",
        "http://h.example/\x00",
        "http://h.example/\x85x",
        "http://h.example/\u2028x",
        "http://h.example/\ud800",
        "http://h.example:0/",
        "http://h.example:65536/",
        "http://h.example:x/",
        "http://h..example/",
        "http://.example/",
        "http://-h.example/",
        "http://h%2eexample/",
        "http://h_e!x/",
        "http://" + "a" * 64 + ".example/",
        "http://[::1/",
        "http://[::1%25eth0]/",
        "http://[v1.x]/",
        "http://[127.0.0.1]/",
        "http://xn--\u00fc.example/",
        "--exec=x",
        "-http://h.example/",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(MalformedSource):
        parse_link(text)


def test_long_links_are_refused():
    assert parse_link("http://h.example/" + "x" * 4_000)
    with pytest.raises(UnsafeSource):
        parse_link("http://h.example/" + "x" * 4_096)


def test_no_refusal_repeats_the_credentials():
    with pytest.raises(MalformedSource) as caught:
        parse_link("https://user:hunter2@h.example/")
    assert "hunter2" not in str(caught.value)


def test_the_hash_is_the_sha1_of_the_normalised_url():
    link = parse_link("HTTP://h.example:80")
    assert link_hash(link.url) == hashlib.sha1(b"http://h.example/").hexdigest()


@given(
    st.text(max_size=100).map(lambda rest: "http://" + rest)
    | st.text(max_size=60).map(lambda p: f"https://h.example/{p}")
)
def test_any_text_is_refused_or_normalised_once_and_for_all(text):
    try:
        url = parse_link(text).url
    except InvalidInput:
        return
    assert url.isascii()
    assert parse_link(url).url == url
