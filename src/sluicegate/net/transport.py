"""The connection pools under the HTTP client: every socket is made for an address that the guard has approved.

Two checks stand in the way of each connection. Names go through the guard's resolver, so the pool connects to the
addresses that were checked and never looks a name up again; and the socket factory checks the address once more, so
whatever path led to a socket, a refused address gets none.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from sluicegate.core.errors import ForbiddenAddress
from sluicegate.net.connection_pool import ConnectionPool
from sluicegate.net.egress import Egress

__all__ = ["BrokenConnection", "RefusedSocket", "Transport", "tls_context"]

_CONNECTIONS: Final = 4096
_CONNECTIONS_PER_HOST: Final = 2048
"""Far more than calls need: a thousand viewers of one content host hold a connection each."""
_KEEP_ALIVE_SECONDS: Final = 15.0
_READ_BUFFER: Final = 256 * 1024
"""Bytes that one response holds at most before the socket is paused; the pool stops reading at twice this."""
_HEADER_LINE: Final = 16 * 1024
_HEADERS: Final = 128


class RefusedSocket(OSError):
    """The guard refused the address of a socket; an OSError, as the pool expects nothing else from a socket factory."""

    def __init__(self, refusal: ForbiddenAddress) -> None:
        super().__init__("refused by the egress guard")
        self.refusal = refusal


class BrokenConnection(aiohttp.ClientError):
    """The connection broke before an answer began."""


class Transport:
    """Pools of connections, made when first used and closed by ``aclose``.

    Args:
        egress: the guard.
        ca_file: PEM file of certificate authorities to trust beside the system's.

    Attributes:
        whole_answers: the guarded pool for what is small and frequent; everything else takes a ``session``.
    """

    def __init__(self, egress: Egress, *, ca_file: Path | None = None) -> None:
        self._egress = egress
        self._tls = _system_tls if ca_file is None else partial(_same, tls_context(ca_file))
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self.whole_answers: Final = ConnectionPool(egress, self._tls, self._socket)

    def session(self, *, trusted: bool) -> aiohttp.ClientSession:
        """The guarded pool, or the separate unguarded one for addresses that the operator configured."""
        if trusted not in self._sessions:
            self._sessions[trusted] = self._make(guarded=not trusted)
        return self._sessions[trusted]

    async def aclose(self) -> None:
        """Closes every connection; idempotent."""
        self.whole_answers.close()
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _make(self, *, guarded: bool) -> aiohttp.ClientSession:
        guard: dict[str, Any] = (
            {"resolver": _CheckedResolver(self._egress), "socket_factory": self._socket} if guarded else {}
        )
        connector = aiohttp.TCPConnector(
            ssl=self._tls(),
            limit=_CONNECTIONS,
            limit_per_host=_CONNECTIONS_PER_HOST,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            use_dns_cache=False,
            **guard,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            max_line_size=_HEADER_LINE,
            max_field_size=_HEADER_LINE,
            max_headers=_HEADERS,
            middlewares=(_send_once,),
        )

    def _socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, address = info
        try:
            self._egress.check_address(address[0], address[1])
        except ForbiddenAddress as refusal:
            raise RefusedSocket(refusal) from None
        return socket.socket(family, kind, protocol)


class _CheckedResolver(AbstractResolver):
    """Answers the pool with the guard's checked addresses."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the library's signature
    ) -> list[ResolveResult]:
        addresses = await self._egress.approve(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """The guard is shared; its owner closes it."""


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """A verifying client context with the system's authorities, plus those in ``ca_file``.

    There is no switch that turns verification off: an own authority is named instead.
    """
    if ca_file is None:
        return _system_tls()
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    return context


@cache
def _system_tls() -> ssl.SSLContext:
    """Reading a hundred authorities takes as long as a hundred calls, and many a command never needs them.

    Nothing here changes a context that was made.
    """
    return ssl.create_default_context()


def _same(context: ssl.SSLContext) -> ssl.SSLContext:
    return context


async def _send_once(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    """Turns a connection that breaks into an error that the pool does not answer with a silent second request.

    One call is one request on the wire; who may send again, and when, is decided above this layer.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, TimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise BrokenConnection from None
