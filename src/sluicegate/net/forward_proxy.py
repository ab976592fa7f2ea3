"""The way out for child processes (yt-dlp, ffmpeg): a proxy on loopback that connects only where the guard allows.

Each child gets a credential of its own, valid while its lease lasts. CONNECT tunnels and absolute-form ``http://``
requests are understood, one per connection; everything else is refused. A refusal of the guard is a 403 with the header
``X-Sluicegate-Refused``, so that a child can tell it from an answer of the site.
"""

import asyncio
import base64
import hmac
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Self

from sluicegate.core.errors import ContentBlocked, ForbiddenAddress, SluicegateError, UpstreamTimeout
from sluicegate.net.egress import Egress
from sluicegate.net.relay import Traffic, relay
from sluicegate.net.targets import read_authority, read_url

__all__ = ["REFUSED_HEADER", "ForwardProxy", "Traffic"]

REFUSED_HEADER: Final = "X-Sluicegate-Refused"

_HEAD_MAX: Final = 32 * 1024
_HEAD_SECONDS: Final = 10.0
_CONNECTIONS_PER_LEASE: Final = 64
_USER: Final = "child"
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS"})

_log = logging.getLogger(__name__)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Refusal(Exception):
    """The request cannot be served; carries what the child is answered."""

    def __init__(self, status: str, *headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


@dataclass(slots=True)
class _Lease:
    """One child: its credential, what it used, and its open connections."""

    credential: bytes
    traffic: Traffic
    connections: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Head:
    """The head of a request to the proxy."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class ForwardProxy:
    """Listens on 127.0.0.1 while its block lasts: ``async with ForwardProxy(egress) as proxy``.

    Args:
        egress: the guard.
        connect_timeout: seconds for connecting to a remote side.
        idle_timeout: seconds without a byte in either direction after which a connection ends.
    """

    def __init__(self, egress: Egress, *, connect_timeout: float = 10.0, idle_timeout: float = 60.0) -> None:
        self._egress = egress
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._leases: list[_Lease] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_HEAD_MAX)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.close()
        await _end(self._connections)

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError("the proxy is used outside its block")
        return int(self._server.sockets[0].getsockname()[1])

    @asynccontextmanager
    async def lease(self, traffic: Traffic | None = None) -> AsyncIterator[str]:
        """The proxy's URL with a credential for one child; leaving the block ends the child's connections.

        Args:
            traffic: counts the child's bytes, and holds their limit.
        """
        token = secrets.token_urlsafe(24)
        credential = base64.b64encode(f"{_USER}:{token}".encode())
        lease = _Lease(credential, traffic or Traffic())
        self._leases.append(lease)
        try:
            yield f"http://{_USER}:{token}@127.0.0.1:{self.port}"
        finally:
            self._leases.remove(lease)
            await _end(lease.connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve((reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, near: Streams) -> None:
        reader, writer = near
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = _read_head(await reader.readuntil(b"\r\n\r\n"))
            lease = self._lease_of(head)
            task = asyncio.current_task()
            if task is not None:
                lease.connections.add(task)
                task.add_done_callback(lease.connections.discard)
            await self._forward(head, near, lease)
        except _Refusal as refusal:
            lines = "".join(f"{line}\r\n" for line in refusal.headers)
            writer.write(f"HTTP/1.1 {refusal.status}\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
            pass  # the child or the remote side has gone, or never spoke HTTP: there is nobody to answer
        finally:
            await _close(writer)

    async def _forward(self, head: _Head, near: Streams, lease: _Lease) -> None:
        if lease.traffic.exhausted or len(lease.connections) > _CONNECTIONS_PER_LEASE:
            raise _Refusal("403 Forbidden", f"{REFUSED_HEADER}: limit")
        far = await self._open(head, lease)
        try:
            if head.method == "CONNECT":
                near[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                far[1].write(_onward(head))
            await relay(near, far, lease.traffic, idle_timeout=self._idle_timeout)
        finally:
            await _close(far[1])

    async def _open(self, head: _Head, lease: _Lease) -> Streams:
        try:
            host, port = _destination(head)
            await self._egress.check_hop(f"http://{f'[{host}]' if ':' in host else host}/")
            return await self._egress.connect(host, port, timeout=self._connect_timeout)
        except (ContentBlocked, ForbiddenAddress) as error:
            lease.traffic.refused += 1
            _log.warning("forward_proxy.refused: %s", error.detail)
            raise _Refusal("403 Forbidden", f"{REFUSED_HEADER}: address") from None
        except UpstreamTimeout:
            raise _Refusal("504 Gateway Timeout") from None
        except SluicegateError:
            raise _Refusal("502 Bad Gateway") from None

    def _lease_of(self, head: _Head) -> _Lease:
        scheme, _, credential = head.get("proxy-authorization").partition(" ")
        presented = credential.strip().encode("latin-1", "replace")
        # Every lease is compared, in constant time, whichever one matches.
        matches = [lease for lease in self._leases if hmac.compare_digest(lease.credential, presented)]
        if scheme.lower() != "basic" or not matches:
            raise _Refusal("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="child"')
        return matches[0]


def _read_head(raw: bytes) -> _Head:
    first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise _Refusal("403 Forbidden", f"{REFUSED_HEADER}: request")
    pairs = tuple((name, value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon)
    if len(pairs) != len(lines) or any(not name or name != name.strip() for name, _ in pairs):
        raise _Refusal("403 Forbidden", f"{REFUSED_HEADER}: request")
    return _Head(words[0], words[1], pairs)


def _destination(head: _Head) -> tuple[str, int]:
    if head.method == "CONNECT":
        return read_authority(head.target)
    target = read_url(head.target)
    if head.method not in _METHODS or target.scheme != "http":
        raise ForbiddenAddress("Only tunnels and plain http requests go through this proxy.")
    return target.host, target.port


def _onward(head: _Head) -> bytes:
    """The request as the remote side gets it: origin form, no word about the proxy, one request per connection."""
    target = read_url(head.target)
    authority, slash, path = target.url.removeprefix("http://").partition("/")
    kept = [f"{name}: {value}" for name, value in head.headers if name.lower() not in _HOP_BY_HOP | {"host"}]
    lines = [f"{head.method} {slash}{path} HTTP/1.1", f"Host: {authority}", *kept, "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):  # the peer may be gone already
        async with asyncio.timeout(1):
            await writer.wait_closed()


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
