"""Rules of the operator's blocklist, and expressions that people hand in (checklist T12)."""

import time

import pytest

from sluicegate.core.blocklist import parse_blocklist
from sluicegate.core.errors import ContentBlocked, InvalidInput
from sluicegate.core.expressions import Expression
from sluicegate.core.magnets import parse_info_hash, parse_magnet
from sluicegate.core.sources import Nzb, TorrentEntry, TorrentFile, WebLink
from sluicegate.core.web_links import parse_link

HASH = "0123456789abcdef0123456789abcdef01234567"
V2 = "ab" * 32
RULES = parse_blocklist(f"# c\n\nhash {HASH}\n{V2}\nhost *.Bad.example.\nhost 192.0.2.1\nname (?i)\\bevil\\b\n")


@pytest.mark.parametrize(
    "source",
    [
        parse_info_hash(HASH.upper()),
        parse_magnet(f"magnet:?xt=urn:btih:{HASH}"),
        parse_magnet("magnet:?xt=urn:btih:AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH"),
        parse_magnet(f"magnet:?xt=urn:btmh:1220{V2}"),
        parse_magnet("magnet:?xt=urn:btih:" + "cc" * 20 + "&dn=an%20EVIL%20name"),
        TorrentFile("cc" * 20, None, "fine", (TorrentEntry("a/evil.mkv", 1),), b""),
        TorrentFile("cc" * 20, V2, "fine", (), b""),
        parse_link("https://BAD.example/x"),
        parse_link("http://a.b.bad.example.:8080/x"),
        parse_link("http://192.0.2.1/x"),
        parse_link("https://x.example/some%20evil%20file.zip"),
        WebLink("https://x.example/", name="evil"),
        Nzb("x", url="https://bad.example/x.nzb"),
        Nzb("an evil one", raw=b""),
    ],
    ids=str,
)
def test_what_is_listed_is_refused_in_every_form(source):
    with pytest.raises(ContentBlocked) as caught:
        RULES.check_source(source)
    assert "rule in line" in caught.value.detail


@pytest.mark.parametrize(
    "source",
    [
        parse_info_hash("cc" * 20),
        parse_magnet("magnet:?xt=urn:btih:" + "cc" * 20 + "&dn=devilish"),
        parse_link("https://notbad.example/x"),
        parse_link("https://bad.example.org/x"),
        parse_link("https://192.0.2.10/x"),
    ],
    ids=str,
)
def test_what_only_resembles_it_passes(source):
    RULES.check_source(source)


def test_lines_that_cannot_be_read_are_told_and_the_rest_is_in_force():
    rules = parse_blocklist(f"hash zz\nname (\nname (?=x)\nhost a b\nnonsense\nname\n{HASH}\n")
    assert rules.counts == {"hash": 1, "host": 0, "name": 0}
    assert [problem.partition(":")[0] for problem in rules.problems] == [f"line {n}" for n in range(1, 7)]


def test_many_rules_cost_one_look():
    rules = parse_blocklist(
        "\n".join([f"name (?i)word{n}x+" for n in range(5_000)] + [f"{n:040x}" for n in range(100_000)])
    )
    began = time.process_time()
    rules.check_source(parse_magnet("magnet:?xt=urn:btih:" + "cc" * 20 + "&dn=" + "word" * 200))
    assert time.process_time() - began < 30
    with pytest.raises(ContentBlocked):
        rules.check_names(["a WORD4999XX"])
    with pytest.raises(ContentBlocked):
        rules.check_source(parse_info_hash(f"{99_999:040x}"))


@pytest.mark.parametrize(
    "source", [r"(?=a)", r"(?!a)", r"(?<=a)", r"(?<!a)", r"(a)\1", "(", "[", "a" * 1_001, "a{9999}"]
)
def test_expressions_that_re2_does_not_take_name_their_field(source: str):
    with pytest.raises(InvalidInput) as caught:
        Expression(source, field="filter_regex")
    assert caught.value.field == "filter_regex"
    assert caught.value.detail.startswith("filter_regex: ")


@pytest.mark.parametrize("source", [r"(a+)+$", r"(a|aa)+$", r"(.*)*x$", r"^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_expressions_that_explode_elsewhere_end_here(source: str):
    began = time.process_time()
    Expression(source, field="x").matches("a" * 1_000_000 + "!")
    assert time.process_time() - began < 30


def test_matching_minds_case_unless_told_and_is_not_anchored():
    assert Expression("S0[1-9]E[0-9]{2}", field="x").matches("Show.S01E02.mkv")
    assert not Expression("s01", field="x").matches("S01")
    assert Expression("(?i)s01", field="x").matches("S01")
    assert Expression("é", field="x").matches("café \udcff")
