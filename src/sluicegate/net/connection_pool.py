"""Kept-alive connections for whole answers, each made to an address that the guard has approved."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import aiohappyeyeballs

from sluicegate.net.answers import Headers
from sluicegate.net.connection import Connection
from sluicegate.net.egress import Egress
from sluicegate.net.targets import Target

__all__ = ["ConnectionPool", "Reply", "SocketFactory"]

_CONNECTIONS: Final = 4096
"""Open at once; who needs one more waits."""
_IDLE: Final = 1024
"""At rest at once, so that the others find a place."""
_KEEP_ALIVE_SECONDS: Final = 15.0
_SWEEP_SECONDS: Final = 5.0
_NEXT_ADDRESS_SECONDS: Final = 0.25
"""RFC 8305, 5: the next address is tried when the one before has said nothing for so long."""

SocketFactory = Callable[[tuple[int, int, int, str, tuple[Any, ...]]], socket.socket]
"""Makes a socket for an address, or refuses to."""

_Place = tuple[str, str, int]


class Reply:
    """An answer on its connection, from its head on, until ``close``.

    Attributes:
        status: HTTP status.
        headers: of the answer.
    """

    __slots__ = ("_connection", "_place", "_pool", "headers", "status")

    def __init__(self, pool: "ConnectionPool", place: _Place, connection: Connection) -> None:
        self._pool = pool
        self._place = place
        self._connection: Connection | None = connection
        self.status: int = connection.status
        self.headers: Headers = connection.headers

    def whole(self) -> bytes | None:
        """The body as it was sent, when all of it is there already."""
        return self._connection.whole() if self._connection else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it is sent. Raises what ``Connection.chunks`` raises."""
        if self._connection is not None:
            async for piece in self._connection.chunks():
                yield piece

    def close(self) -> None:
        """Gives the connection back if it is as good as new, else closes it; idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.leave(self._place, connection)


class ConnectionPool:
    """Connections that wait for their next request.

    Args:
        egress: looks names up and approves addresses.
        tls: makes the context of encrypted connections when there is the first one, and gives the same from then on.
        make_socket: checks every address once more.
    """

    def __init__(self, egress: Egress, tls: Callable[[], ssl.SSLContext], make_socket: SocketFactory) -> None:
        self._egress = egress
        self._tls = tls
        self._make_socket = make_socket
        self._places = asyncio.Semaphore(_CONNECTIONS)  # one for each connection that is open
        self._used: set[Connection] = set()
        self._idle: dict[_Place, list[Connection]] = {}
        self._resting = 0
        self._sweeping: asyncio.TimerHandle | None = None

    async def ask(self, target: Target, request: bytes | bytearray) -> Reply:
        """Sends a request, once, and waits for the head of its answer.

        Raises:
            ForbiddenAddress, ConnectionFailed, UpstreamTimeout: the guard's.
            OSError, MalformedAnswer: no answer began; TLS errors are OSErrors.
        """
        place = (target.scheme, target.host, target.port)
        connection = self._rested(place) or await self._open(target)
        self._used.add(connection)
        try:
            await connection.ask(request)
        except BaseException:  # whatever ended it, a cancellation included
            self.leave(place, connection)
            raise
        return Reply(self, place, connection)

    def leave(self, place: _Place, connection: Connection) -> None:
        """The end of an exchange."""
        self._used.discard(connection)
        if not connection.reusable or self._resting >= _IDLE or self._places.locked():
            self._drop(connection)
            return
        connection.rest(time.monotonic())
        self._idle.setdefault(place, []).append(connection)
        self._resting += 1
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def close(self) -> None:
        """Closes every connection; idempotent."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for connection in list(self._used):
            connection.abort()  # whoever uses it leaves it
        for waiting in self._idle.values():
            for connection in waiting:
                self._drop(connection)
        self._idle.clear()
        self._resting = 0

    def _rested(self, place: _Place) -> Connection | None:
        """The one that was used last: the others come to rest for good when fewer are needed."""
        waiting = self._idle.get(place)
        while waiting:
            connection = waiting.pop()
            self._resting -= 1
            if connection.reusable:
                return connection
            self._drop(connection)
        return None

    def _drop(self, connection: Connection) -> None:
        connection.abort()
        self._places.release()

    async def _open(self, target: Target) -> Connection:
        await self._places.acquire()
        try:
            return await self._connect(target)
        except BaseException:  # a place that nobody has must not stay taken
            self._places.release()
            raise

    async def _connect(self, target: Target) -> Connection:
        addresses = await self._egress.approve(target.host, target.port)
        found = await aiohappyeyeballs.start_connection(
            [_info(address, target.port) for address in addresses],
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
            socket_factory=self._make_socket,
        )
        tls, name = (self._tls(), target.host) if target.scheme == "https" else (None, None)
        try:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, sock=found, ssl=tls, server_hostname=name
            )
        except BaseException:  # until it is the transport's, the socket is ours
            found.close()
            raise
        return connection

    def _sweep(self) -> None:
        """Closes what has rested for long, and forgets what the other side has closed."""
        since = time.monotonic() - _KEEP_ALIVE_SECONDS
        kept: dict[_Place, list[Connection]] = {}
        for place, waiting in self._idle.items():
            fresh = [each for each in waiting if each.reusable and each.idle_since > since]
            for each in set(waiting).difference(fresh):
                self._drop(each)
            if fresh:
                kept[place] = fresh
        self._idle = kept
        self._resting = sum(map(len, kept.values()))
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep) if kept else None


def _info(address: str, port: int) -> tuple[int, int, int, str, tuple[Any, ...]]:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)
