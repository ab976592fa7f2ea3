"""Clients that cost little themselves: blocking sockets in threads, bodies thrown away by the kernel."""

import random
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.bench.serving import Target

__all__ = ["connect", "fetch_whole", "range_requests", "read_head"]

_DISCARD = socket.MSG_TRUNC if sys.platform == "linux" else 0
"""On a Linux TCP socket this drops received bytes without copying them (tcp(7))."""

_SINK = bytearray(4 << 20)


def connect(target: Target, receive_buffer: int | None = None) -> socket.socket:
    """A connection; a small receive buffer makes a client that soon takes nothing any more."""
    connection = socket.socket()
    connection.settimeout(60)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", target.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_head(connection: socket.socket) -> tuple[int, int, int]:
    """Reads up to some of the body; returns (status, Content-Length, bytes of the body read already)."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return int(head.split(b" ", 2)[1]), int(lines[b"content-length"]), len(body)


def fetch_whole(target: Target, times: int, *, start: int | None = None, stop: int | None = None) -> float:
    """Fetches the file over ``times`` connections at once; returns the seconds for all. Every byte is counted."""

    def one(_: int) -> None:
        with connect(target) as connection:
            connection.sendall(target.request(start, stop))
            status, length, received = read_head(connection)
            assert status in {200, 206}, status
            _drop(connection, length - received)

    return _timed(lambda: _parallel(times, one))


def range_requests(target: Target, size: int, *, connections: int, seconds: float, length: int) -> float:
    """Random ranges of ``length`` bytes on kept-alive connections, one at a time on each; returns answers a second."""
    answered = [0] * connections
    stop_at = time.perf_counter() + seconds

    def one(number: int) -> None:
        pick = random.Random(number)
        with connect(target) as connection:
            while time.perf_counter() < stop_at:
                start = pick.randrange(size - length)
                connection.sendall(target.request(start, start + length))
                status, promised, received = read_head(connection)
                assert (status, promised) == (206, length)
                _drop(connection, length - received)
                answered[number] += 1

    elapsed = _timed(lambda: _parallel(connections, one))
    return sum(answered) / elapsed


def _drop(connection: socket.socket, count: int) -> None:
    while count:
        got = connection.recv_into(_SINK, min(count, len(_SINK)), _DISCARD)
        if not got:
            raise ConnectionError("the server closed the connection early")
        count -= got


def _parallel(times: int, work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(times) as threads:
        list(threads.map(work, range(times)))


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
