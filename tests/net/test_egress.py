"""The guard's table (T1), its allow-list (T7) and its resolution of names (T2)."""

# ruff: noqa: E501, RUF001

import asyncio
import logging
from collections.abc import Sequence

import pytest
from tests.net.wire import answer, listen

from sluicegate.core.errors import ConnectionFailed, ForbiddenAddress, InvalidInput, UpstreamTimeout
from sluicegate.net.addresses import refused_ranges
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.http import open_http

REFUSED_ADDRESSES = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:a00:1", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::", "3fff::1", "4000::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip

PUBLIC_ADDRESSES = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1",
]  # fmt: skip

REFUSED_SPELLINGS = [
    "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
    "http://127.1/", "http://127.0.1/", "http://127.0.0.1./", "http://8.8.8.8./", "http://08.8.8.8/", "http://1.2.3.4.5/",
    "http://256.1.1.1/", "http://8.8.8.0x8/", "http://example.com./", "http://example.com../", "http://.example.com/",
    "http://a..b/", "http://-a.example/", "http://user@example.com/", "http://user:pass@8.8.8.8/", "http://@8.8.8.8/",
    "http://8.8.8.8@127.0.0.1/", "http://8.8.8.8%40127.0.0.1/", "http://127。0。0。1/", "http://example。com/",
    "http://127．0．0．1/", "http://①②⑦.0.0.1/", "http://ｅxample.com/", "http://bücher.example/", "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2f.example.com/", "http://ex%61mple.com/", "http://[::ffff:127.0.0.1]/", "http://[::1]/",
    "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1/", "http://[v1.a]/", "http://[::g]/",
    "http://example.com:0/", "http://example.com:65536/", "http://example.com:/", "http://example.com:80:80/",
    "http://example.com:8 0/", "http://exa mple.com/", "http://example.com\\@127.0.0.1/", "http:\\\\127.0.0.1/",
    "http://example.com\t/", "http://example.com\r\nHost: a/", "http://\x00example.com/", "http:///example.com/",
    "http:example.com", "//example.com/", "example.com", "", "http://", "http:/example.com/", "http://?x", "http://#x",
    "file:///etc/passwd", "gopher://8.8.8.8/", "ftp://8.8.8.8/", "data:text/plain,x", "javascript://8.8.8.8/%0a1",
    "unix:///run/x", "dict://8.8.8.8/", "HTTPX://8.8.8.8/", "http://" + "a" * 64 + ".example/", "http://8.8.8.8/" + "a" * 20_000,
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://0/", "http://0.0.0.0/",
]  # fmt: skip


def answering(*addresses: str):
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_special_addresses_are_refused(address: str) -> None:
    with pytest.raises(ForbiddenAddress) as caught:
        Egress(resolver=answering()).check_address(address, 443)
    assert "SLUICEGATE_EGRESS_ALLOW" in caught.value.action


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_public_addresses_pass(address: str) -> None:
    Egress(resolver=answering()).check_address(address, 443)


@pytest.mark.parametrize("url", REFUSED_SPELLINGS)
def test_urls_with_another_scheme_or_a_disguised_host_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        Egress(resolver=answering()).check_url(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/a?b=c#d", "https://example.com/a?b=c"),
        ("http://example.com:8080?x=1", "http://example.com:8080/?x=1"),
        ("http://8.8.8.8/a b/ü", "http://8.8.8.8/a%20b/%C3%BC"),
        ("https://xn--bcher-kva.example/%2F%7e", "https://xn--bcher-kva.example/%2F%7e"),
        ("http://[2606:4700:0:0::1111]:81/", "http://[2606:4700::1111]:81/"),
        ("http://a_b.example/user@host", "http://a_b.example/user@host"),
    ],
)
def test_plain_urls_are_read(url: str, normal: str) -> None:
    assert Egress(resolver=answering()).check_url(url).url == normal


def test_a_target_shows_its_origin_only() -> None:
    target = Egress(resolver=answering()).check_url("https://example.com/path?apikey=canary")
    assert repr(target) == "Target(https://example.com:443)"


@pytest.mark.parametrize(
    ("allow", "address", "port", "allowed"),
    [
        ("127.0.0.0/8", "127.1.2.3", 1, True),
        ("127.0.0.0/8", "10.0.0.1", 1, False),
        ("127.0.0.1:9000", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.1", 9001, False),
        ("10.0.0.0/8:443, 192.168.1.5", "10.2.3.4", 443, True),
        ("10.0.0.0/8:443, 192.168.1.5", "10.2.3.4", 80, False),
        ("10.0.0.0/8:443, 192.168.1.5", "192.168.1.5", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("::1", "::1", 81, True),
        ("fd00::/8", "fd12::1", 81, True),
        ("[fd00::/8]:81", "fd12::1", 81, True),
        ("127.0.0.0/8", "::ffff:127.0.0.1", 80, False),
        ("", "127.0.0.1", 80, False),
        (" , ", "127.0.0.1", 80, False),
    ],
)
def test_the_allow_list_opens_exactly_what_it_names(allow: str, address: str, port: int, *, allowed: bool) -> None:
    egress = Egress(EgressPolicy.parse(allow), resolver=answering())
    if allowed:
        egress.check_address(address, port)
    else:
        with pytest.raises(ForbiddenAddress):
            egress.check_address(address, port)


@pytest.mark.parametrize(
    "entry", ["localhost", "10.0.0.0/33", "127.0.0.1:0", "127.0.0.1:99999", "[::1", "*", "::1]:80"]
)
def test_a_wrong_entry_of_the_allow_list_is_explained(entry: str) -> None:
    with pytest.raises(InvalidInput, match=r"neither a network nor an address") as caught:
        EgressPolicy.parse(f"127.0.0.0/8,{entry}")
    assert caught.value.field == "SLUICEGATE_EGRESS_ALLOW"


def test_the_allow_list_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="sluicegate.net.egress"):
        Egress(EgressPolicy.parse("10.0.0.0/8:443"), resolver=answering())
    assert "10.0.0.0/8 port 443" in caplog.text


def test_the_ranges_for_other_engines_say_the_same() -> None:
    from ipaddress import ip_address

    ranges = [(ip_address(first), ip_address(last)) for first, last in refused_ranges()]

    def inside(text: str) -> bool:
        address = ip_address(text)
        return any(first.version == address.version and first <= address <= last for first, last in ranges)

    assert all(inside(address) for address in REFUSED_ADDRESSES)
    assert not any(inside(address) for address in PUBLIC_ADDRESSES)


async def test_one_private_answer_refuses_the_whole_name() -> None:
    with pytest.raises(ForbiddenAddress):
        await Egress(resolver=answering("8.8.8.8", "10.0.0.1")).approve("mixed.example", 80)


async def test_a_name_without_answer_is_a_failed_connection() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such host")

    for resolver in (unknown, answering()):
        with pytest.raises(ConnectionFailed):
            await Egress(resolver=resolver).approve("nowhere.example", 80)


async def test_a_hanging_name_server_is_bounded() -> None:
    async def hang(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(3600)
        return ()

    with pytest.raises(UpstreamTimeout):
        await Egress(resolver=hang, timeout=0.05).approve("slow.example", 80)


async def test_answers_are_kept_for_a_while_and_then_asked_again() -> None:
    asked = 0
    now = 0.0

    async def count(_host: str, _port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return ["8.8.8.8"]

    egress = Egress(resolver=count, monotonic=lambda: now)
    for _ in range(3):
        assert await egress.approve("example.com", 80) == ("8.8.8.8",)
    assert asked == 1
    now = 31.0
    await egress.approve("example.com", 80)
    assert asked == 2


async def test_the_system_resolver_knows_localhost() -> None:
    egress = Egress(EgressPolicy.parse("127.0.0.0/8,::1"))
    try:
        assert set(await egress.approve("localhost", 80)) <= {"127.0.0.1", "::1"}
    finally:
        egress.close()


async def test_a_rebinding_name_server_does_not_get_through() -> None:
    """The first answer is harmless, every later one is our own loopback: nothing may arrive there."""
    answers = iter([["192.0.2.7"]])

    async def rebind(_host: str, _port: int) -> Sequence[str]:
        return next(answers, ["127.0.0.1"])

    async with listen() as victim, open_http(EgressPolicy.parse("192.0.2.7"), resolver=rebind) as http:
        victim.scripts["/"] = answer()
        for _ in range(3):
            with pytest.raises((ForbiddenAddress, ConnectionFailed, UpstreamTimeout)):
                await http.request("GET", victim.url("/", host="rebind.example"), timeout=0.3)
        http.egress._checked.clear()
        with pytest.raises(ForbiddenAddress):
            await http.request("GET", victim.url("/", host="rebind.example"), timeout=0.3)
        assert victim.accepted == 0


async def test_the_connection_goes_to_the_checked_answer_and_keeps_the_name() -> None:
    asked = 0

    async def once(_host: str, _port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"]

    async with listen() as remote:
        remote.scripts["/"] = answer()
        async with open_http(EgressPolicy.parse(f"127.0.0.1:{remote.port}"), resolver=once) as http:
            assert (await http.request("GET", remote.url("/", host="pinned.example"))).body == b"ok"
    assert asked == 1
    assert remote.received[0].headers["host"] == f"pinned.example:{remote.port}"


async def test_the_socket_itself_is_guarded_should_a_checked_list_be_wrong() -> None:
    """Second line: even when a forbidden address is on the list of checked ones, no socket is made for it."""
    async with listen() as victim, open_http(EgressPolicy.parse(""), resolver=answering("8.8.8.8")) as http:
        http.egress._keep("tampered.example", victim.port, ("127.0.0.1",))
        with pytest.raises(ForbiddenAddress):
            await http.request("GET", victim.url("/", host="tampered.example"))
        assert victim.accepted == 0


async def test_connect_tries_the_next_address() -> None:
    async with listen() as remote:
        egress = Egress(EgressPolicy.parse("127.0.0.0/8"), resolver=answering("127.0.0.99", "127.0.0.1"))
        _, writer = await egress.connect("two.example", remote.port)
        assert writer.get_extra_info("peername")[0] == "127.0.0.1"
        writer.close()
        await writer.wait_closed()
