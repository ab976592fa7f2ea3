"""Remote servers that lie, drip, flood or fall silent (T8, T11, T13), and what TLS accepts (T55)."""

# ruff: noqa: E501

import asyncio
import gzip
import resource
import ssl
import time
import zlib
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tests.net.certificates import Authority
from tests.net.wire import Received, Remote, Script, answer, hang, listen, raw, stall

from sluicegate.core.errors import ConnectionFailed, ProtocolError, UpstreamTimeout
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http

MIB = 1024 * 1024


def bomb(coding: str) -> Script:
    """10 GiB of zeros in about 10 MB, made of one compressed piece sent again and again."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    start = stream.compress(bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH)
    piece = stream.compress(bytes(16 * MIB)) + stream.flush(zlib.Z_FULL_FLUSH)

    async def run(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nConnection: close\r\n\r\n".encode() + start)
        for _ in range(640):
            writer.write(piece)
            await writer.drain()
        writer.close()

    return run


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_stops_at_the_cap_in_bounded_memory(remote: Remote, http: Http, coding: str) -> None:
    remote.scripts["/bomb"] = bomb(coding)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ProtocolError, match="larger than 8388608 bytes"):
        await http.request("GET", remote.url("/bomb"), timeout=20)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 96 * 1024, f"{grown} KiB"
    assert await remote.closed()


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "x"])
async def test_codings_that_were_not_offered_are_refused(remote: Remote, http: Http, coding: str) -> None:
    remote.scripts["/x"] = answer(b"\x28\xb5\x2f\xfd", headers=f"Content-Encoding: {coding}\r\n")
    with pytest.raises(ProtocolError, match="not asked for"):
        await http.request("GET", remote.url("/x"))
    assert remote.received[0].headers["accept-encoding"] == "gzip, deflate"


def bare(data: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


TEXT = b"".join(b"%d " % n for n in range(40_000))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:])),
        ("gzip", gzip.compress(TEXT) + bytes(7)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
        ("identity", TEXT),
    ],
)
async def test_compressed_answers_are_read(remote: Remote, http: Http, coding: str, body: bytes) -> None:
    remote.scripts["/x"] = answer(body, headers=f"Content-Encoding: {coding}\r\n")
    assert (await http.request("GET", remote.url("/x"))).body == TEXT


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072])
async def test_pieces_of_exactly_the_step_size_are_whole(remote: Remote, http: Http, size: int) -> None:
    """The bare stream has no trailer: all its input is used up while output still waits in the decompressor."""
    for coding, body in (("gzip", gzip.compress(bytes(size))), ("deflate", bare(bytes(size)))):
        remote.scripts["/x"] = answer(body, headers=f"Content-Encoding: {coding}\r\n")
        assert (await http.request("GET", remote.url("/x"))).body == bytes(size)


@pytest.mark.parametrize(
    "body",
    [gzip.compress(TEXT)[:-20], b"not gzip", gzip.compress(TEXT)[:50] + b"\0" * 50],
    ids=["cut", "not gzip", "overwritten"],
)
async def test_damaged_compression_is_a_protocol_error(remote: Remote, http: Http, body: bytes) -> None:
    remote.scripts["/x"] = answer(body, headers="Content-Encoding: gzip\r\n")
    with pytest.raises(ProtocolError):
        await http.request("GET", remote.url("/x"))


async def test_the_cap_holds_for_plain_bodies(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = answer(bytes(1001))
    with pytest.raises(ProtocolError):
        await http.request("GET", remote.url("/x"), max_body=1000)
    assert len((await http.request("GET", remote.url("/x"), max_body=1001)).body) == 1001


async def test_an_endless_body_stops_at_the_cap(remote: Remote, http: Http) -> None:
    async def endless(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + bytes(4096) + b"\r\n")
            await writer.drain()

    remote.scripts["/x"] = endless
    with pytest.raises(ProtocolError, match="larger than"):
        await http.request("GET", remote.url("/x"), timeout=20)
    assert await remote.closed()


@pytest.mark.parametrize("line", [b"X-%d: y\r\n", b"X-%d: " + b"y" * 4000 + b"\r\n"])
async def test_endless_headers_stop(remote: Remote, http: Http, line: bytes) -> None:
    async def endless(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(line % 1)
            await writer.drain()
            remote.sent += len(line)

    remote.scripts["/x"] = endless
    with pytest.raises(ProtocolError):
        await http.request("GET", remote.url("/x"), timeout=20)
    assert remote.sent < 16 * MIB
    assert await remote.closed()


async def drip(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_head(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("script", [drip, hang, stall])
async def test_a_slow_answer_ends_at_the_time_out(remote: Remote, http: Http, script: Script) -> None:
    remote.scripts["/x"] = script
    started = time.monotonic()
    with pytest.raises(UpstreamTimeout) as caught:
        await http.request("GET", remote.url("/x"), timeout=0.4, provider="torbox")
    assert time.monotonic() - started < 5
    assert caught.value.provider == "torbox"
    assert await remote.closed()


async def test_a_dripping_head_ends(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = drip_head
    with pytest.raises((UpstreamTimeout, ProtocolError)):
        await http.request("GET", remote.url("/x"), timeout=0.4)
    assert await remote.closed()


async def drain(http: Http, url: str, received: bytearray) -> None:
    async with http.stream("GET", url, idle_timeout=0.3) as got:
        async for chunk in got.chunks():
            received += chunk


@pytest.mark.parametrize("script", [hang, stall])
async def test_silence_ends_a_stream_and_slowness_does_not(remote: Remote, http: Http, script: Script) -> None:
    remote.scripts["/silent"] = script
    remote.scripts["/slow"] = drip
    with pytest.raises(UpstreamTimeout):
        await drain(http, remote.url("/silent"), bytearray())
    async with http.stream("GET", remote.url("/slow"), idle_timeout=0.3) as got:
        received = 0
        async for chunk in got.chunks():
            received += len(chunk)
            if received >= 12:
                break
    assert await remote.closed()


async def test_a_reader_that_pauses_does_not_count_as_silence(remote: Remote, http: Http) -> None:
    remote.scripts["/big"] = answer(bytes(8 * MIB))
    async with http.stream("GET", remote.url("/big"), idle_timeout=0.3) as got:
        received = 0
        async for chunk in got.chunks():
            if not received:
                await asyncio.sleep(0.8)
            received += len(chunk)
    assert received == 8 * MIB


@pytest.mark.parametrize(
    "script",
    [
        answer(b"abc", length=10),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc"),
        raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        raw(b"<html>no status line</html>\r\n\r\n"),
        raw(b"HTTP/1.1 9999 Odd\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n"),
    ],
)
async def test_answers_that_are_not_http_or_cut_are_protocol_errors(remote: Remote, http: Http, script: Script) -> None:
    remote.scripts["/x"] = script
    with pytest.raises(ProtocolError):
        await http.request("GET", remote.url("/x"), timeout=5)


async def test_a_stream_that_breaks_says_so(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = answer(b"abc", length=10)
    received = bytearray()
    with pytest.raises(ConnectionFailed):
        await drain(http, remote.url("/x"), received)
    assert received == b"abc"


async def test_bytes_after_the_promised_length_are_not_the_next_answer(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    )
    remote.scripts["/y"] = answer(b"good")
    with suppress(ProtocolError, ConnectionFailed):  # refusing the whole answer is as good
        assert (await http.request("GET", remote.url("/x"))).body == b"ok"
    assert (await http.request("GET", remote.url("/y"))).body == b"good"


async def test_a_closed_port_is_a_failed_connection(http: Http, remote: Remote) -> None:
    async with listen() as gone:
        port = gone.port
    async with open_http(EgressPolicy.parse("127.0.0.0/8")) as anywhere:
        with pytest.raises(ConnectionFailed) as caught:
            await anywhere.request("GET", f"http://127.0.0.1:{port}/")
    assert caught.value.transient


# JSON


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \r\n", b"\xef\xbb\xbf", b"<!DOCTYPE html><html></html>", b"<?xml version='1.0'?>", b'{"a": 1', b'{"a": 1}{"b": 2}',
        b'{"a": 1}\n{"b": 2}', b"{'a': 1}", b"[1,]", b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"1e99999999999999999999", b"NaN", b"Infinity", b"\xff\xfe[\x001\x00]\x00",
        b'"\xff"', b'"\\ud800', b"plain text", b"\x00", b"1" + b"0" * (7 * MIB),
    ],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
async def test_no_parser_exception_escapes(remote: Remote, http: Http, body: bytes) -> None:
    remote.scripts["/x"] = answer(body)
    got = await http.request("GET", remote.url("/x"))
    with pytest.raises(ProtocolError) as caught:
        got.json(provider="realdebrid")
    assert (caught.value.provider, caught.value.upstream_code) == ("realdebrid", "200")


class Shape(msgspec.Struct):
    a: int


async def test_json_is_read_and_checked(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = answer(b'\xef\xbb\xbf {"a": 1, "new": null}\n')
    remote.scripts["/odd"] = answer(b'{"a": "canary-value"}')
    got = await http.request("GET", remote.url("/x"))
    assert got.json() == {"a": 1, "new": None}
    assert got.json(Shape) == Shape(1)
    assert got.json(dict[str, int | None])["a"] == 1
    with pytest.raises(ProtocolError, match=r"\$\.a") as caught:
        (await http.request("GET", remote.url("/odd"))).json(Shape)
    assert "canary-value" not in str(caught.value)


async def test_the_first_of_two_documents_can_be_read(remote: Remote, http: Http) -> None:
    remote.scripts["/x"] = answer(b'{"error": "infringing_file", "a": 35}{"error": "x"}', status="451 Unavailable")
    got = await http.request("GET", remote.url("/x"))
    assert got.first_json()["error"] == "infringing_file"
    assert got.first_json(Shape).a == 35
    with pytest.raises(ProtocolError):
        got.json()
    for body in (b"", b"<html>", b"{", b"[" * 100_000, b"1" * 100_000, b"\xff\xfe"):
        remote.scripts["/y"] = answer(body)
        with pytest.raises(ProtocolError):
            (await http.request("GET", remote.url("/y"))).first_json()


# TLS


async def test_only_certificates_of_a_known_authority_are_accepted(tmp_path: Path) -> None:
    authority = Authority()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.certificate_pem)

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    policy = EgressPolicy.parse("127.0.0.0/8")
    async with listen(tls=authority.server_context("files.example")) as remote:
        remote.scripts["/"] = answer()
        async with open_http(policy, resolver=resolve) as strict:
            with pytest.raises(ConnectionFailed, match="TLS") as caught:
                await strict.request("GET", remote.url("/", host="files.example"))
            assert "CA file" in caught.value.action
        async with open_http(policy, resolver=resolve, ca_file=ca_file) as knowing:
            assert (await knowing.request("GET", remote.url("/", host="files.example"))).ok
            with pytest.raises(ConnectionFailed, match="TLS"):
                await knowing.request("GET", remote.url("/", host="other.example"))
    assert [request.headers["host"] for request in remote.received] == [f"files.example:{remote.port}"]


async def test_a_self_signed_server_is_refused() -> None:
    authority = Authority()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.load_self_signed(context, "127.0.0.1")
    async with listen(tls=context) as remote, open_http(EgressPolicy.parse("127.0.0.0/8")) as http:
        with pytest.raises(ConnectionFailed, match="TLS"):
            await http.request("GET", remote.url("/"))
    assert not remote.received
