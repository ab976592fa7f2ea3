"""The proxy for child processes: it leads out only where the guard allows (T4), and counts what goes through."""

# ruff: noqa: E501

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.net.certificates import Authority
from tests.net.wire import Received, Remote, answer, hang, listen

from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.forward_proxy import ForwardProxy, Traffic
from sluicegate.net.http import open_http

MIB = 1024 * 1024


async def resolve(host: str, _port: int) -> list[str]:
    return {"files.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]}.get(host, [])


@pytest.fixture
async def proxy(remote: Remote) -> AsyncIterator[ForwardProxy]:
    egress = Egress(EgressPolicy.parse(f"127.0.0.1:{remote.port}"), resolver=resolve)
    async with ForwardProxy(egress, connect_timeout=2, idle_timeout=0.5) as proxy:
        yield proxy


def authorization(url: str) -> str:
    parts = urlsplit(url)
    return "Proxy-Authorization: Basic " + base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()


async def exchange(proxy: ForwardProxy, head: str, *, read: int = -1) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(f"{head}\r\n\r\n".encode("latin-1"))
        async with asyncio.timeout(10):
            return await reader.read(read)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_a_plain_request_goes_through_without_a_word_about_the_proxy(remote: Remote, proxy: ForwardProxy) -> None:
    remote.scripts["/a"] = answer(b"hello")
    async with proxy.lease(traffic := Traffic()) as url:
        got = await exchange(
            proxy,
            f"GET {remote.url('/a?b=c', 'files.example')} HTTP/1.1\r\nHost: wrong.example\r\nRange: bytes=0-\r\n"
            f"Proxy-Connection: keep-alive\r\nConnection: keep-alive\r\n{authorization(url)}",
        )
    assert got.startswith(b"HTTP/1.1 200 OK")
    assert got.endswith(b"hello")
    request = remote.received[0]
    assert (request.method, request.path) == ("GET", "/a?b=c")
    assert request.headers == {"host": f"files.example:{remote.port}", "range": "bytes=0-", "connection": "close"}
    assert traffic.received == len(got)
    assert traffic.sent == 0


async def test_a_request_body_goes_through(remote: Remote, proxy: ForwardProxy) -> None:
    remote.scripts["/up"] = answer()
    async with proxy.lease() as url:
        await exchange(
            proxy,
            f"POST {remote.url('/up')} HTTP/1.1\r\nContent-Length: 8\r\n{authorization(url)}\r\n\r\nab\r\n",
            read=64,
        )
    assert remote.received[0].body == b"ab\r\n\r\n\r\n"


async def test_our_own_client_tunnels_tls_through_it(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    policy = EgressPolicy.parse("127.0.0.0/8")
    async with (
        listen(tls=authority.server_context("files.example")) as remote,
        ForwardProxy(Egress(policy, resolver=resolve)) as proxy,
        proxy.lease(traffic := Traffic()) as url,
        open_http(policy, resolver=resolve, ca_file=tmp_path / "ca.pem") as http,
    ):
        remote.scripts["/"] = answer(bytes(MIB))
        got = await http.request("GET", remote.url("/", "files.example"), proxy=url)
        assert got.body == bytes(MIB)
        assert "proxy-authorization" not in remote.received[0].headers
        assert traffic.received > MIB


@pytest.mark.parametrize(
    "line",
    [
        "GET http://127.0.0.1:1/ HTTP/1.1", "GET http://10.0.0.1/ HTTP/1.1", "GET http://169.254.169.254/latest HTTP/1.1",
        "GET http://inside.example/ HTTP/1.1", "GET http://2130706433/ HTTP/1.1", "GET http://[::1]/ HTTP/1.1",
        "CONNECT 127.0.0.1:1 HTTP/1.1", "CONNECT inside.example:443 HTTP/1.1", "CONNECT [::ffff:127.0.0.1]:80 HTTP/1.1",
        "CONNECT user@8.8.8.8:80 HTTP/1.1", "CONNECT files.example HTTP/1.1", "CONNECT 0x7f.1:80 HTTP/1.1",
        "GET / HTTP/1.1", "GET https://8.8.8.8/ HTTP/1.1", "GET ftp://8.8.8.8/ HTTP/1.1", "TRACE http://8.8.8.8/ HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1", "GET http://8.8.8.8/ HTTP/0.9", "nonsense", "GET  http://8.8.8.8/ HTTP/1.1",
    ],
)  # fmt: skip
async def test_everything_else_is_refused_and_marked(remote: Remote, proxy: ForwardProxy, line: str) -> None:
    async with proxy.lease() as url:
        got = await exchange(proxy, f"{line}\r\n{authorization(url)}")
    assert got.startswith(b"HTTP/1.1 403 Forbidden\r\nX-Sluicegate-Refused: ")
    assert remote.accepted == 0


async def test_refusals_of_the_guard_are_counted(proxy: ForwardProxy) -> None:
    async with proxy.lease(traffic := Traffic()) as url:
        await exchange(proxy, f"CONNECT 10.0.0.1:80 HTTP/1.1\r\n{authorization(url)}")
    assert traffic.refused == 1


async def test_nobody_gets_through_without_the_credential_of_a_living_lease(
    remote: Remote, proxy: ForwardProxy
) -> None:
    remote.scripts["/"] = answer()
    request = f"GET {remote.url('/')} HTTP/1.1"
    async with proxy.lease() as first, proxy.lease() as second:
        assert first != second
        for line in ("", "Proxy-Authorization: Basic Y2hpbGQ6eA==", authorization(first).replace("Basic", "Bearer")):
            got = await exchange(proxy, f"{request}\r\n{line}".rstrip())
            assert got.startswith(b"HTTP/1.1 407 ")
        assert (await exchange(proxy, f"{request}\r\n{authorization(second)}")).startswith(b"HTTP/1.1 200 ")
    assert (await exchange(proxy, f"{request}\r\n{authorization(first)}")).startswith(b"HTTP/1.1 407 ")
    assert remote.accepted == 1


async def test_unreachable_and_unknown_hosts_are_gateway_errors(proxy: ForwardProxy) -> None:
    async with proxy.lease() as url:
        got = await exchange(proxy, f"CONNECT unknown.example:80 HTTP/1.1\r\n{authorization(url)}")
    assert got.startswith(b"HTTP/1.1 502 ")


async def pour(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def test_the_byte_limit_of_a_child_holds_over_all_its_connections(remote: Remote, proxy: ForwardProxy) -> None:
    remote.scripts["/pour"] = pour
    async with proxy.lease(Traffic(limit=MIB)) as url:
        request = f"GET {remote.url('/pour')} HTTP/1.1\r\n{authorization(url)}"
        assert len(await exchange(proxy, request)) <= MIB
        assert (await exchange(proxy, request)).startswith(b"HTTP/1.1 403 ")
    assert await remote.closed()


async def test_a_silent_connection_ends_after_the_idle_time(remote: Remote, proxy: ForwardProxy) -> None:
    remote.scripts["/hang"] = hang
    async with proxy.lease() as url:
        assert await exchange(proxy, f"GET {remote.url('/hang')} HTTP/1.1\r\n{authorization(url)}") == b""
    assert await remote.closed()


async def test_a_child_that_hangs_up_closes_the_upstream(remote: Remote) -> None:
    remote.scripts["/pour"] = pour
    egress = Egress(EgressPolicy.parse("127.0.0.0/8"), resolver=resolve)
    async with ForwardProxy(egress) as proxy, proxy.lease() as url:
        assert await exchange(proxy, f"GET {remote.url('/pour')} HTTP/1.1\r\n{authorization(url)}", read=1000)
        assert await remote.closed()
        remote.scripts["/hang"] = hang
        await exchange(proxy, f"GET {remote.url('/hang')} HTTP/1.1\r\n{authorization(url)}", read=0)
        assert await remote.closed(), "also while the upstream is silent"


async def test_the_end_of_a_lease_ends_its_connections(remote: Remote) -> None:
    remote.scripts["/hang"] = hang
    egress = Egress(EgressPolicy.parse("127.0.0.0/8"), resolver=resolve)
    async with ForwardProxy(egress) as proxy:
        async with proxy.lease() as url:
            request = f"GET {remote.url('/hang')} HTTP/1.1\r\n{authorization(url)}"
            waiting = asyncio.create_task(exchange(proxy, request))
            await remote.arrived()
        assert await remote.closed()
        assert await waiting == b""


async def test_a_slow_reader_slows_the_remote_side_down(remote: Remote) -> None:
    async def counted(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            remote.sent += 65536

    remote.scripts["/x"] = counted
    egress = Egress(EgressPolicy.parse("127.0.0.0/8"), resolver=resolve)
    async with ForwardProxy(egress) as proxy, proxy.lease() as url:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1024)
        writer.write(f"GET {remote.url('/x')} HTTP/1.1\r\n{authorization(url)}\r\n\r\n".encode())
        before = -1
        while before != remote.sent:
            before = remote.sent
            await asyncio.sleep(0.2)
        assert remote.sent < 48 * MIB
        writer.close()


async def test_a_real_child_process_uses_it(remote: Remote, proxy: ForwardProxy) -> None:
    """Python's own urllib, which knows nothing of us, in a process of its own."""
    remote.scripts["/page"] = answer(b"through the proxy")
    program = (
        "import sys, urllib.request, urllib.error\n"
        "opener = urllib.request.build_opener(urllib.request.ProxyHandler({'http': sys.argv[1], 'https': sys.argv[1]}))\n"
        "print(opener.open(sys.argv[2], timeout=10).read().decode())\n"
        "try:\n    opener.open('http://127.0.0.1:1/', timeout=10)\n"
        "except urllib.error.HTTPError as error:\n    print(error.code, error.headers['X-Sluicegate-Refused'])\n"
    )
    async with proxy.lease() as url:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, url, remote.url("/page", "files.example"), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(child.communicate(), 30)
    assert out.decode().split("\n") == ["through the proxy", "403 address", ""]
