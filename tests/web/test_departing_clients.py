"""Clients that vanish, stall or idle must cost next to nothing, and nobody else anything."""

import asyncio
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.web.serving import Running, Source, content, running, serving, until
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sluicegate.web.limits import BoundedBody
from sluicegate.web.protocol import ByteProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def many_files() -> Iterator[None]:
    """A thousand idle clients and their server live in one process here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def vanish(connection: socket.socket, how: str) -> None:
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def until_closed(connection: socket.socket) -> int:
    """Bytes that still come before the server's end of the connection, clean or not."""
    received = 0
    try:
        while part := connection.recv(1 << 20):
            received += len(part)
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("http", [ByteProtocol, HttpToolsProtocol])
@pytest.mark.parametrize("state", ["reading", "stalled", "source waits", "source waits for the first byte"])
def test_a_client_that_goes_frees_its_source_within_a_second(how: str, http: type, state: str) -> None:
    source = Source(10**12)
    waits_from = {"source waits": 200_000, "source waits for the first byte": 0}.get(state)
    if waits_from is not None:

        async def pause() -> None:
            if source.read >= waits_from:
                await asyncio.Event().wait()

        source.pause = pause
    with running(serving(source), http=http) as server:
        connection = server.connect()
        connection.sendall(REQUEST)
        until(lambda: bool(source.opened))
        if state == "reading":
            for _ in range(50):
                connection.recv(1 << 16)
        else:
            time.sleep(0.3)
        vanish(connection, how)
        left_at = time.monotonic()
        until(lambda: source.closed == 1, 5)
        assert source.closed_at - left_at < 1.0
        before = source.read
        time.sleep(0.05)
        assert source.read == before


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("reads", [True, False])
def test_a_client_that_goes_frees_the_file_that_the_kernel_sends(
    tmp_path: Path, how: str, loop: str, reads: bool
) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(10**10)
    this = psutil.Process()

    def open_paths() -> list[str]:
        return [entry.path for entry in this.open_files()]

    with running(serving(Source(10**10, local_path=path)), loop=loop) as server:
        connection = server.connect()
        connection.sendall(REQUEST)
        connection.recv(1 << 16)
        until(lambda: str(path) in open_paths())
        for _ in range(50 if reads else 0):
            connection.recv(1 << 20)
        if not reads:
            time.sleep(0.2)
        descriptors = this.num_fds()
        vanish(connection, how)
        left_at = time.monotonic()
        until(lambda: str(path) not in open_paths(), 5)
        assert time.monotonic() - left_at < 1.0
        until(lambda: this.num_fds() <= descriptors - 3)
        response, _ = server.get("/echo")
        assert response.status == 200


@pytest.mark.parametrize("http", [ByteProtocol, HttpToolsProtocol])
def test_a_stalled_client_stops_its_source_after_a_few_megabytes(http: type) -> None:
    """What was read and not taken is in kernel buffers and, at most, in two chunks here."""
    source = Source(10**12)
    with running(serving(source), http=http) as server, server.connect(receive_buffer=65_536) as connection:
        connection.sendall(REQUEST)
        until(lambda: source.read > 0)
        before = -1
        while before != source.read:
            before = source.read
            time.sleep(0.2)
        assert source.read < 8_000_000
        resident = psutil.Process().memory_info().rss
        time.sleep(0.3)
        assert psutil.Process().memory_info().rss - resident < 2_000_000
        assert source.closed == 0, "it is still there and may go on reading"
        expected = 0
        while expected < 12_000_000:
            part = connection.recv(1 << 16)
            if expected == 0:
                part = part.partition(b"\r\n\r\n")[2]
            assert part == content(expected, expected + len(part))
            expected += len(part)


@pytest.mark.parametrize("kernel", [True, False])
def test_a_client_that_never_reads_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool) -> None:
    monkeypatch.setattr(ByteProtocol, "stall_seconds", 0.5)
    monkeypatch.setattr(ByteProtocol, "flush_seconds", 0.5)
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(10**10)
    source = Source(10**10, local_path=path if kernel else None)
    monkeypatch.setattr("sluicegate.web.streaming.STALL_SECONDS", 0.5)
    with running(serving(source)) as server, server.connect(receive_buffer=65_536) as connection:
        connection.sendall(REQUEST)
        until(lambda: len(server.server.server_state.connections) == 1)
        until(lambda: len(server.server.server_state.connections) == 0, 10)
        assert until_closed(connection) < 10**10
    assert kernel or source.closed == 1


def test_a_thousand_idle_clients_do_not_delay_another(many_files: None) -> None:
    """Half of them are in the middle of a response, half have sent half a request."""
    source = Source(10**12)
    with running(serving(source)) as server:
        idle = [server.connect(receive_buffer=4096) for _ in range(1000)]
        try:
            for number, connection in enumerate(idle):
                connection.sendall(REQUEST if number % 2 else REQUEST[:20])
            until(lambda: len(source.opened) == 500, 30)
            slowest = 0.0
            for _ in range(20):
                started = time.monotonic()
                response, body = server.get(headers={"Range": "bytes=100-999"})
                slowest = max(slowest, time.monotonic() - started)
                assert (response.status, body) == (206, content(100, 1000))
            assert slowest < 5
        finally:
            for connection in idle:
                connection.close()
        until(lambda: source.closed == len(source.opened), 20)


def test_descriptors_do_not_leak(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2_000_000))
    with running(serving(Source(2_000_000, local_path=path))) as server:
        server.get()
        before = psutil.Process().num_fds()
        for number in range(60):
            if number % 3:
                server.get(headers={"Range": "bytes=5-"})
            else:
                connection = server.connect()
                connection.sendall(REQUEST)
                connection.recv(100)
                vanish(connection, "reset" if number % 2 else "close")
        until(lambda: psutil.Process().num_fds() <= before)


def test_a_file_that_is_cut_short_while_it_is_sent_ends_the_connection(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(10**9)
    with running(serving(Source(10**9, local_path=path))) as server:
        with server.connect(receive_buffer=65_536) as connection:
            connection.sendall(REQUEST)
            connection.recv(1000)
            os.truncate(path, 30_000_000)
            assert until_closed(connection) < 10**9 - 1000
        assert server.get("/echo")[0].status == 200


@pytest.mark.parametrize("part", ["nothing", "half a head", "a next head, half"])
def test_a_head_that_does_not_come_ends_the_connection(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setattr(ByteProtocol, "head_seconds", 0.4)
    with running(serving(Source(1000))) as server, server.connect() as connection:
        if part != "nothing":
            connection.sendall(REQUEST[:20])
        if part == "a next head, half":
            connection.sendall(REQUEST[20:])
            time.sleep(0.1)
            connection.sendall(REQUEST[:20])
        until_closed(connection)
        until(lambda: not server.server.server_state.connections)


def test_a_response_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ByteProtocol, "head_seconds", 0.2)

    async def pause() -> None:
        await asyncio.sleep(0.05)

    with running(serving(Source(10 * 65_536, pause=pause))) as server:
        response, body = server.get()
        assert (response.status, len(body)) == (200, 10 * 65_536)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 30_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX: " + b"a" * 200_000,
    ],
)
def test_a_huge_head_is_refused(head: bytes) -> None:
    with running(serving(Source(10))) as server, server.connect() as connection:
        received = b""
        try:
            connection.sendall(head)
            while part := connection.recv(65_536):
                received += part
        except ConnectionError:
            pass
        assert b"HTTP/1.1 431 " in received
        assert server.get("/echo")[0].status == 200


def test_a_large_but_sane_head_is_accepted() -> None:
    with running(serving(Source(10))) as server:
        response, body = server.get(headers={"X-Padding": "a" * 30_000})
        assert (response.status, body) == (200, content(0, 10))


@pytest.mark.parametrize("size", [200_000, 5_000_000])
def test_a_large_body_is_not_a_large_head(size: int) -> None:
    with running(serving(Source(10))) as server, server.connect() as connection:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
        connection.sendall(head + bytes(size))
        received = b""
        while part := connection.recv(1 << 20):
            received += part
        assert received.startswith(b"HTTP/1.1 200 ")
        assert received.endswith(bytes(size))


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n X: folded\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    ],
)
def test_smuggling_and_nonsense_get_no_second_meaning(request_bytes: bytes) -> None:
    with running(serving(Source(10))) as server, server.connect() as connection:
        connection.sendall(request_bytes)
        received = b""
        connection.settimeout(3)
        try:
            while part := connection.recv(65_536):
                received += part
        except (ConnectionError, TimeoutError):
            pass
        assert received.startswith(b"HTTP/1.1 400 ")
        assert received.count(b"HTTP/1.1 ") == 1


def test_stopping_the_server_does_not_wait_for_stalled_clients(tmp_path: Path) -> None:
    source = Source(10**12)
    with running(serving(source), timeout_graceful_shutdown=1) as server:
        connection = server.connect()
        connection.sendall(REQUEST)
        until(lambda: source.read > 0)
    connection.close()
    assert source.closed == 1


def test_one_connection_serves_others_while_it_is_busy(tmp_path: Path) -> None:
    """A fast reader of a huge cached file must leave the loop to others between its slices."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(10**10)

    def drain(server: Running, stop: list[bool]) -> None:
        with server.connect() as connection:
            connection.sendall(REQUEST)
            while not stop and connection.recv(1 << 20):
                pass

    with running(serving(Source(10**10, local_path=path))) as server:
        stop: list[bool] = []
        reader = threading.Thread(target=drain, args=(server, stop))
        reader.start()
        try:
            for _ in range(20):
                assert server.get("/echo")[0].status == 200
        finally:
            stop.append(True)
            reader.join(10)


def test_a_request_body_that_never_comes_does_not_hide_that_its_client_goes(tmp_path: Path) -> None:
    source = Source(10**12)
    with running(BoundedBody(serving(source), limit=1000, seconds=0.3)) as server:
        connection = server.connect(receive_buffer=65_536)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        until(lambda: source.closed == 1, 5)
        connection.close()
