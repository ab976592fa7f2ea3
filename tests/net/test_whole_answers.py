"""The short way of whole answers: whatever a remote side sends, an answer is its own and a doubtful connection ends."""

# ruff: noqa: E501

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from tests.net.wire import Received, Remote, Script, answer, hang, listen, raw, raw_open

from sluicegate.core.errors import ConnectionFailed, ForbiddenAddress, ProtocolError, UpstreamTimeout
from sluicegate.net import connection_pool
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http


@pytest.fixture
async def http(remote: Remote) -> AsyncIterator[Http]:
    async with open_http(EgressPolicy.parse(f"127.0.0.1:{remote.port}")) as http:
        yield http


async def ask(http: Http, remote: Remote, path: str = "/x", **options: object) -> bytes:
    got = await http.request("GET", remote.url(path), timeout=5, **options)  # type: ignore[arg-type]
    return got.body


async def still_one(http: Http, remote: Remote, path: str = "/x") -> bool:
    """Whether the connection of an answer serves the next request as well."""
    await ask(http, remote, path)
    await ask(http, remote, path)
    return remote.accepted == 1


def pieces(*parts: bytes, pause: float = 0.01) -> Script:
    """Sends one part after the other, each in a packet of its own, and leaves the connection open."""

    async def run(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return run


WHOLE = {
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n1 \r\nc\r\n0\r\n\r\n", b"abc"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n", b"abc"),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", b"abc"),
    "a folded line": (b"HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    "an interim head": (b"HTTP/1.1 103 Hints\r\nLink: a\r\nContent-Length: 7\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", b""),
    "nothing": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
async def test_every_framing_is_read_to_its_end_and_no_further(remote: Remote, http: Http, name: str) -> None:
    wire, body = WHOLE[name]
    remote.scripts["/x"] = pieces(wire)
    assert await ask(http, remote) == body
    assert await still_one(http, remote)
    remote.scripts["/dripped"] = pieces(*(wire[place : place + 1] for place in range(len(wire))), pause=0)
    assert await ask(http, remote, "/dripped") == body
    assert remote.accepted == 1


async def test_an_answer_without_a_length_ends_with_its_connection(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = raw(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert await ask(http, remote) == b"abc"
    remote.scripts["/x"] = raw(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    assert await ask(http, remote) == b"abc"
    assert remote.accepted == 2


BROKEN = {
    "cut body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    "cut chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "chunk too long for a number": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "negative chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    "chunk that is longer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "two codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "a carriage return in a line": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 3\r\n\r\nabc",
    "a null in a line": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 3\r\n\r\nabc",
    "a status below all": b"HTTP/1.1 099 Odd\r\nContent-Length: 3\r\n\r\nabc",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
    "a line without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\nContent-Length: 3\r\n\r\nabc",
    "too many lines": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 129 + b"Content-Length: 3\r\n\r\nabc",
    "interim heads only": b"HTTP/1.1 100 Continue\r\n\r\n" * 8_000,
    "trailers without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: " + b"y" * 300_000,
    "a chunk's extension without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"y" * 300_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_whole_answer_is_an_error_and_ends_the_connection(
    remote: Remote, http: Http, name: str
) -> None:
    cut = name.startswith(("cut", "no last"))
    remote.scripts["/x"] = raw(BROKEN[name]) if cut else raw_open(BROKEN[name])
    with pytest.raises(ProtocolError):
        await ask(http, remote)
    assert await remote.closed(), "the client hangs up, whether or not the remote side does"
    remote.scripts["/good"] = answer(b"good")
    assert await ask(http, remote, "/good") == b"good"


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
async def test_a_connection_that_ends_before_the_head_has_failed(remote: Remote, http: Http, head: bytes) -> None:
    remote.scripts["/x"] = raw(head)
    with pytest.raises(ConnectionFailed):
        await ask(http, remote)
    assert len(remote.received) == 1, "nothing is sent again"


@pytest.mark.parametrize(
    "excess",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"garbage",
        b"\0",
        b"HTTP/1.1 2",
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_bytes_that_nobody_asked_for_end_the_connection(
    remote: Remote, http: Http, excess: bytes, *, late: bool
) -> None:
    """Response splitting: what follows an answer is never taken for the next one, in its packet or after it."""
    right = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    remote.scripts["/x"] = pieces(right, excess) if late else pieces(right + excess)
    remote.scripts["/good"] = answer(b"good")
    assert await ask(http, remote) == b"abc"
    if late:
        assert await remote.closed()
    assert await ask(http, remote, "/good") == b"good"
    assert remote.accepted == 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_body_where_there_is_none_is_not_the_next_answer(remote: Remote, http: Http, status: str) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    remote.scripts["/x"] = pieces(f"HTTP/1.1 {status}\r\nContent-Length: {len(evil)}\r\n\r\n".encode() + evil)
    remote.scripts["/good"] = answer(b"good")
    with suppress(ProtocolError):
        assert await ask(http, remote) == b""
    assert await ask(http, remote, "/good") == b"good"


async def test_a_head_request_has_no_body_and_harms_no_later_answer(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    remote.scripts["/good"] = answer(b"good")
    got = await http.request("HEAD", remote.url("/x"), timeout=5)
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "1000")
    assert await ask(http, remote, "/good") == b"good"


@pytest.mark.parametrize("connection", ["close", "Close", "keep-alive, close"])
async def test_a_connection_that_the_remote_side_wants_closed_is_closed(
    remote: Remote, http: Http, connection: str
) -> None:
    remote.scripts["/x"] = answer(b"abc", headers=f"Connection: {connection}\r\n")
    assert await ask(http, remote) == b"abc"
    assert await remote.closed()


async def test_a_connection_is_not_used_again_after_an_error(remote: Remote, http: Http) -> None:
    remote.scripts["/good"] = answer(b"good")
    remote.scripts["/hang"] = hang
    remote.scripts["/large"] = answer(bytes(2_000))
    assert await ask(http, remote, "/good") == b"good"
    with pytest.raises(UpstreamTimeout):
        await http.request("GET", remote.url("/hang"), timeout=0.2)
    assert await remote.closed()
    with pytest.raises(ProtocolError):
        await ask(http, remote, "/large", max_body=1_000)
    assert await ask(http, remote, "/good") == b"good"
    assert remote.accepted <= 3


async def test_a_rested_connection_that_the_remote_side_closed_is_left_alone(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    for _ in range(3):
        assert await ask(http, remote) == b"abc"
        await asyncio.sleep(0.05)  # until its end has come to our side as well
    assert [request.path for request in remote.received] == ["/x"] * 3


async def test_an_upload_that_is_answered_before_it_is_read_ends_its_connection(remote: Remote, http: Http) -> None:
    async def refuse(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(0.2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await refuse(Received("PUT", "/", {}, b""), reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_http(EgressPolicy.parse(f"127.0.0.1:{port}")) as client:
        got = await client.request("PUT", f"http://127.0.0.1:{port}/", content=bytes(20_000_000), timeout=5)
        assert (got.status, got.body) == (413, b"no")
        assert not client._transport.whole_answers._resting
    server.close()
    await server.wait_closed()


async def test_a_large_body_waits_for_nobody_and_comes_whole(remote: Remote, http: Http) -> None:
    body = bytes(range(256)) * 20_000
    remote.scripts["/x"] = answer(body)
    assert await ask(http, remote) == body
    assert await still_one(http, remote)


async def test_many_at_once_get_their_own_answers(remote: Remote, http: Http) -> None:
    for number in range(40):
        remote.scripts[f"/{number}"] = answer(b"%d" % number)
    for _ in range(3):
        got = await asyncio.gather(*(ask(http, remote, f"/{number}") for number in range(40)))
        assert got == [b"%d" % number for number in range(40)]
    assert remote.accepted <= 40


async def test_rested_connections_are_closed_after_a_while(
    remote: Remote, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_pool, "_SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(connection_pool, "_KEEP_ALIVE_SECONDS", 0.1)
    remote.scripts["/x"] = answer()
    await ask(http, remote)
    assert remote.connections
    assert await remote.closed(30)


async def test_the_place_of_a_request_is_freed_whatever_becomes_of_it(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_pool, "_CONNECTIONS", 1)
    remote.scripts["/good"] = answer(b"good")
    remote.scripts["/cut"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    remote.scripts["/hang"] = hang
    async with listen() as gone:
        closed_port = gone.port
    async with open_http(EgressPolicy.parse("127.0.0.1")) as http:
        for url in (
            remote.url("/cut"),
            remote.url("/hang"),
            f"http://127.0.0.1:{closed_port}/",
            "http://10.0.0.1/",
            "http://nowhere.invalid/",
        ):
            with pytest.raises((ProtocolError, UpstreamTimeout, ConnectionFailed, ForbiddenAddress)):
                await http.request("GET", url, timeout=0.5)
        got = await asyncio.gather(*(ask(http, remote, "/good") for _ in range(5)))
        assert got == [b"good"] * 5


async def test_a_name_whose_address_is_refused_gets_no_connection(remote: Remote) -> None:
    """Both checks: the answers of the look-up, and the address of every socket."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with open_http(EgressPolicy(), resolver=resolve) as http:
        with pytest.raises(ForbiddenAddress):
            await http.request("GET", remote.url("/", host="inner.example"))

        async def approve(_host: str, _port: int) -> tuple[str, ...]:
            return ("127.0.0.1",)

        http.egress.approve = approve  # type: ignore[method-assign]
        with pytest.raises(ForbiddenAddress):
            await http.request("GET", remote.url("/", host="inner.example"))
    assert remote.accepted == 0


async def test_the_next_address_is_tried_when_one_does_not_answer(remote: Remote) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["::1", "127.0.0.2", "127.0.0.1"]

    remote.scripts["/"] = answer(b"there")
    async with open_http(EgressPolicy.parse("127.0.0.0/8,::1"), resolver=resolve) as http:
        assert (await http.request("GET", remote.url("/", host="many.example"))).body == b"there"
