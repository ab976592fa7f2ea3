"""What the client sends and receives, what it does with redirects, and what it leaves behind."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
from tests.net.wire import Received, Remote, answer, hang, listen, raw, raw_open, redirect, stall

from sluicegate.core.errors import ConnectionFailed, ForbiddenAddress, InvalidInput, ProtocolError, UpstreamTimeout
from sluicegate.core.secrets import Secret
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, Part, open_http

CANARY = "canary-5f0c6d1e9a"


async def pieces(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield b"%d," % number
        await asyncio.sleep(0)


async def test_query_json_form_and_bytes_arrive_as_given(remote: Remote, http: Http) -> None:
    remote.scripts["/a"] = answer(b'{"n": 1}', headers="X-Twice: 1\r\nX-Twice: 2\r\n")
    got = await http.request("get", remote.url("/a?x=1"), params={"q": ["a b", "ü"], "n": 2}, headers={"X-Key": "k"})
    await http.request("POST", remote.url("/a"), json={"magnet": "m"})
    await http.request("POST", remote.url("/a"), form=[("hash", "1"), ("hash", "2")])
    await http.request(
        "PUT", remote.url("/a"), content=b"\x00\x01", headers=[("Content-Type", "application/x-bittorrent")]
    )
    first, second, third, fourth = remote.received
    assert (first.method, first.path) == ("GET", "/a?x=1&q=a+b&q=%C3%BC&n=2")
    assert first.headers["x-key"] == "k"
    assert (second.body, second.headers["content-type"]) == (b'{"magnet":"m"}', "application/json")
    assert (third.body, third.headers["content-type"]) == (b"hash=1&hash=2", "application/x-www-form-urlencoded")
    assert (fourth.body, fourth.headers["content-type"]) == (b"\x00\x01", "application/x-bittorrent")
    assert (got.status, got.ok, got.json(), got.headers.getall("x-twice")) == (200, True, {"n": 1}, ["1", "2"])
    assert got.elapsed > 0


async def test_a_multipart_form_and_a_streamed_upload_arrive_whole(remote: Remote, http: Http) -> None:
    remote.scripts["/up"] = answer()
    parts = [
        Part("name", "x"),
        Part("file", b"d4:infoe", filename="a.torrent", content_type="application/x-bittorrent"),
    ]
    await http.request("POST", remote.url("/up"), multipart=parts)
    await http.request("POST", remote.url("/up"), content=pieces(5))
    form, stream = remote.received
    assert form.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="a.torrent"' in form.body
    assert b"d4:infoe" in form.body
    assert stream.body == b"0,1,2,3,4,"


async def test_statuses_are_answers(remote: Remote, http: Http) -> None:
    remote.scripts["/busy"] = answer(b"", status="429 Slow Down", headers="Retry-After: 7\r\n")
    got = await http.request("GET", remote.url("/busy"))
    assert (got.status, got.ok, got.retry_after) == (429, False, 7.0)


async def test_a_header_cannot_smuggle_a_line(remote: Remote, http: Http) -> None:
    for headers in ({"X-A": "1\r\nX-B: 2"}, {"X A": "1"}, {"X-A": "1\x00"}, {"": "1"}):
        with pytest.raises(InvalidInput):
            await http.request("GET", remote.url("/"), headers=headers)
    assert remote.accepted == 0


async def test_one_call_is_one_request_even_when_the_connection_breaks(remote: Remote, http: Http) -> None:
    remote.scripts["/break"] = raw(b"")
    remote.scripts["/ok"] = answer()
    await http.request("GET", remote.url("/ok"))
    with pytest.raises(ConnectionFailed):
        await http.request("GET", remote.url("/break"), provider="torbox")
    assert [request.path for request in remote.received] == ["/ok", "/break"]


async def test_connections_are_reused(remote: Remote, http: Http) -> None:
    remote.scripts["/"] = answer()
    for _ in range(5):
        await http.request("GET", remote.url("/"))
    assert remote.accepted == 1


async def test_cookies_are_not_kept(remote: Remote, http: Http) -> None:
    remote.scripts["/"] = answer(headers="Set-Cookie: session=1; Path=/\r\n")
    for _ in range(2):
        await http.request("GET", remote.url("/"))
    assert "cookie" not in remote.received[1].headers


async def test_a_range_passes_through_and_bytes_come_raw(remote: Remote, http: Http) -> None:
    body = b"\x1f\x8b-not-really-gzip"
    remote.scripts["/f"] = answer(
        body, status="206 Partial Content", headers="Content-Range: bytes 5-20/99\r\nContent-Encoding: gzip\r\n"
    )
    async with http.stream("GET", remote.url("/f"), headers={"Range": "bytes=5-20"}) as got:
        assert (got.status, got.headers["content-range"]) == (206, "bytes 5-20/99")
        assert b"".join([chunk async for chunk in got.chunks()]) == body
    assert remote.received[0].headers["range"] == "bytes=5-20"
    assert remote.received[0].headers["accept-encoding"] == "identity"


async def test_a_slow_reader_slows_the_remote_side_down(remote: Remote, http: Http) -> None:
    async def pour(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            remote.sent += 65536

    remote.scripts["/big"] = pour
    async with http.stream("GET", remote.url("/big")) as got:
        async for _ in got.chunks():
            break
        before = -1
        while before != remote.sent:
            before = remote.sent
            await asyncio.sleep(0.2)
        assert remote.sent < 32 * 1024 * 1024, "kernel buffers of both sides, and no more"
    assert await remote.closed()


async def test_leaving_a_stream_closes_the_upstream_within_a_second(remote: Remote, http: Http) -> None:
    remote.scripts["/stall"] = stall
    async with http.stream("GET", remote.url("/stall")) as got:
        async for chunk in got.chunks():
            assert chunk == b"abc"
            break
    assert await remote.closed()


@pytest.mark.parametrize("script", [hang, stall])
async def test_cancelling_closes_the_upstream_and_leaves_no_task(remote: Remote, http: Http, script) -> None:
    remote.scripts["/x"] = script

    async def read_stream() -> None:
        async with http.stream("GET", remote.url("/x")) as got:
            async for _ in got.chunks():
                pass

    before = asyncio.all_tasks()
    for call in (
        http.request("GET", remote.url("/x")),
        read_stream(),
        http.request("POST", remote.url("/x"), content=pieces(9)),
    ):
        count = len(remote.received)
        task = asyncio.create_task(call)
        await remote.arrived(count + 1)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await remote.closed()
    gc.collect()
    # Whatever the session's other servers begin meanwhile has nothing to do with us.
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert not [task for task in left if "aiohttp" in repr(task) or "sluicegate/net" in repr(task)]


async def test_an_own_time_out_of_the_caller_stays_the_callers(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = hang
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await http.request("GET", remote.url("/x"))
    assert await remote.closed()


async def test_errors_inside_a_stream_block_stay_what_they_are(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = stall
    with pytest.raises(OSError, match="disk full"):
        async with http.stream("GET", remote.url("/x")):
            raise OSError("disk full")
    assert await remote.closed()


async def test_closing_the_client_closes_idle_connections(remote: Remote) -> None:
    remote.scripts["/"] = answer()
    async with open_http(EgressPolicy.parse("127.0.0.0/8")) as http:
        await http.request("GET", remote.url("/"))
        assert remote.connections
    assert await remote.closed()


async def test_trusted_calls_reach_what_the_operator_configured_and_nothing_else_does(remote: Remote) -> None:
    remote.scripts["/"] = answer()
    async with open_http(EgressPolicy()) as http:
        assert (await http.request("GET", remote.url("/"), trusted=True)).ok
        with pytest.raises(ForbiddenAddress):
            await http.request("GET", remote.url("/"))


# redirects


async def test_redirects_are_given_back_unless_asked_for(remote: Remote, http: Http) -> None:
    remote.scripts["/a"] = redirect("/b")
    got = await http.request("GET", remote.url("/a"))
    assert (got.status, got.headers["location"]) == (302, "/b")


async def test_redirects_are_followed_up_to_five_times(remote: Remote, http: Http) -> None:
    for number in range(7):
        remote.scripts[f"/{number}"] = redirect(f"{number + 1}")
    remote.scripts["/5"] = answer(b"here")
    got = await http.request("GET", remote.url("/0"), follow=5)
    assert (got.body, got.url) == (b"here", remote.url("/5"))
    remote.scripts["/5"] = redirect("6")
    with pytest.raises(ProtocolError, match="more than 5 times"):
        await http.request("GET", remote.url("/0"), follow=99)
    assert len(remote.received) == 12


async def test_a_redirect_with_an_endless_body_is_let_go(remote: Remote, http: Http) -> None:
    remote.scripts["/a"] = raw_open(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 1000000\r\n\r\nx")
    remote.scripts["/b"] = answer(b"here")
    assert (await http.request("GET", remote.url("/a"), follow=1)).body == b"here"
    await asyncio.sleep(0.1)
    assert len(remote.connections) == 1, "only the one of the last hop is kept"


async def test_an_endless_redirect_ends(remote: Remote, http: Http) -> None:
    remote.scripts["/loop"] = redirect("/loop")
    with pytest.raises(ProtocolError):
        async with http.stream("GET", remote.url("/loop")):
            pass
    assert len(remote.received) == 6


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:1/", "http://169.254.169.254/latest/", "http://10.0.0.1/", "http://[::1]/", "http://2130706433/",
        "//127.0.0.1:1/", "file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8/", "data:text/plain,x",
        "http://user@8.8.8.8/", "http://localhost:1/", "\\\\127.0.0.1\\x", "http://127。0。0。1/",
    ],
)  # fmt: skip
async def test_every_hop_is_checked(remote: Remote, http: Http, place: str) -> None:
    remote.scripts["/a"] = redirect("/b")
    remote.scripts["/b"] = redirect(place)
    remote.scripts["/\\127.0.0.1\\x"] = answer()
    if place.startswith("\\"):
        got = await http.request("GET", remote.url("/a"), follow=5)
        assert got.url.startswith(remote.url("/")), "a backslash is part of the path, not of a host"
        return
    with pytest.raises(ForbiddenAddress):
        await http.request("GET", remote.url("/a"), follow=5)
    with pytest.raises(ForbiddenAddress):
        async with http.stream("GET", remote.url("/a")):
            pass


async def test_a_redirect_away_from_a_trusted_origin_is_guarded(remote: Remote) -> None:
    async with listen() as inner, open_http(EgressPolicy()) as http:
        remote.scripts["/a"] = redirect("/b")
        remote.scripts["/b"] = redirect(inner.url("/"))
        with pytest.raises(ForbiddenAddress):
            await http.request("GET", remote.url("/a"), follow=5, trusted=True)
        assert (len(remote.received), inner.accepted) == (2, 0)


async def test_credentials_stay_behind_when_the_origin_changes(remote: Remote) -> None:
    secret = {"Authorization": CANARY, "Cookie": CANARY, "X-StremThru-Store-Token": CANARY, "X-Anything": CANARY}
    harmless = {"Range": "bytes=0-", "User-Agent": "me", "Accept": "text/html"}
    async with listen() as other, open_http(EgressPolicy.parse("127.0.0.0/8")) as http:
        remote.scripts["/a"] = redirect("/b")
        remote.scripts["/b"] = redirect(other.url("/c"))
        other.scripts["/c"] = answer()
        await http.request("GET", remote.url("/a"), params={"apikey": CANARY}, headers={**secret, **harmless}, follow=5)
    assert all(remote.received[1].headers[name.lower()] == CANARY for name in secret), "the same origin keeps them"
    stranger = other.received[0]
    assert CANARY not in f"{stranger.path}{stranger.headers}"
    assert {name: stranger.headers[name.lower()] for name in harmless} == harmless


@pytest.mark.parametrize(("status", "method", "then", "body"), [
    (301, "POST", "GET", b""), (302, "POST", "GET", b""), (303, "PUT", "GET", b""), (303, "HEAD", "HEAD", b""),
    (307, "POST", "POST", b"a=1"), (308, "POST", "POST", b"a=1"), (307, "GET", "GET", b""),
])  # fmt: skip
async def test_methods_follow_the_rules(
    remote: Remote, http: Http, status: int, method: str, then: str, body: bytes
) -> None:
    remote.scripts["/a"] = redirect("/b", status)
    remote.scripts["/b"] = answer(b"")
    await http.request(method, remote.url("/a"), form={"a": 1} if method in ("POST", "PUT") else None, follow=5)
    assert (remote.received[1].method, remote.received[1].body) == (then, body)
    assert ("content-type" in remote.received[1].headers) == bool(body)


async def test_a_body_is_never_sent_on_to_another_origin(remote: Remote) -> None:
    async with listen() as other, open_http(EgressPolicy.parse("127.0.0.0/8")) as http:
        remote.scripts["/a"] = redirect(other.url("/c"), 307)
        with pytest.raises(ProtocolError):
            await http.request("POST", remote.url("/a"), form={"apikey": CANARY}, follow=5)
        assert other.accepted == 0


# proxies


async def test_an_egress_proxy_carries_the_request_and_alone_sees_its_credential(remote: Remote, http: Http) -> None:
    async def proxy_script(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied")
        await writer.drain()

    remote.scripts["http://8.8.8.8/x"] = proxy_script
    got = await http.request("GET", "http://8.8.8.8/x", proxy=Secret(f"http://me:pass%20word@127.0.0.1:{remote.port}"))
    assert got.body == b"proxied"
    assert remote.received[0].headers["proxy-authorization"] == "Basic bWU6cGFzcyB3b3Jk"


async def test_a_proxy_must_be_at_an_allowed_address_and_does_not_open_private_targets(
    remote: Remote, http: Http
) -> None:
    for url, proxy in (
        ("http://8.8.8.8/", "http://127.0.0.1:1"),
        ("http://10.0.0.1/", f"http://127.0.0.1:{remote.port}"),
        ("http://localhost:1/", f"http://127.0.0.1:{remote.port}"),
    ):
        with pytest.raises(ForbiddenAddress):
            await http.request("GET", url, proxy=proxy)
    assert remote.accepted == 0


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "127.0.0.1:1", f"nonsense {CANARY}", f"http://[{CANARY}"])
async def test_a_proxy_that_cannot_be_read_is_refused_without_showing_it(http: Http, proxy: str) -> None:
    with pytest.raises((InvalidInput, ForbiddenAddress)) as caught:
        await http.request("GET", "http://8.8.8.8/", proxy=proxy)
    assert CANARY not in str(caught.value)


# secrets


async def test_no_error_tells_the_query(remote: Remote, http: Http) -> None:
    remote.scripts["/cut"] = answer(b"abc", length=10)
    remote.scripts["/junk"] = raw(b"SSH-2.0-x\r\n\r\n")
    remote.scripts["/hang"] = hang
    remote.scripts["/away"] = redirect("http://127.0.0.1:1/")
    closed_port = f"http://nowhere.invalid/{CANARY}"
    for url in (remote.url("/cut"), remote.url("/junk"), remote.url("/hang"), remote.url("/away"), closed_port):
        with pytest.raises((ProtocolError, UpstreamTimeout, ConnectionFailed, ForbiddenAddress)) as caught:
            await http.request("GET", url, params={"apikey": CANARY}, headers={"X-Key": CANARY}, timeout=0.3, follow=5)
        error: BaseException | None = caught.value
        while error is not None:
            assert CANARY not in f"{error} {error!r} {error.args} {vars(error)}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


async def test_faults_of_the_look_up_name_the_provider_too(http: Http) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        await http.request("GET", "http://nowhere.invalid/", provider="torbox")
    assert caught.value.provider == "torbox"
