"""The one HTTP client: every adapter, feed, webhook, direct download and proxied stream speaks through ``Http``.

It adds to the connection pool what every caller would otherwise have to remember: the egress guard on every hop, bounds
on time and size, redirects that leave credentials behind, and faults as core errors without a word of the URL's query.
It never retries, never keeps cookies and never reads the environment.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sluicegate.core.errors import ConnectionFailed, ProtocolError, UpstreamError, UpstreamTimeout
from sluicegate.core.secrets import Secret
from sluicegate.net.answers import Answer, Headers
from sluicegate.net.bodies import ACCEPT_ENCODING, read_body
from sluicegate.net.egress import Egress, EgressPolicy, Resolver
from sluicegate.net.faults import FAULTS, translate
from sluicegate.net.requests import (
    Body,
    HeaderPairs,
    Part,
    Proxy,
    Request,
    encode,
    location,
    names_in,
    plain_bytes,
    read_proxy,
    redirected,
    with_query,
)
from sluicegate.net.tap import note
from sluicegate.net.targets import Target, read_url
from sluicegate.net.transport import Transport

__all__ = ["Answer", "Http", "Part", "StreamedAnswer", "open_http"]

Query = Mapping[str, Any] | Sequence[tuple[str, Any]]

_USER_AGENT: Final = "Sluicegate/1"
_BODY_MAX: Final = 8 * 1024 * 1024
_HOPS_MAX: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CONNECT_SECONDS: Final = 10.0
_NO_CODING: Final = "identity"
_OURS: Final = frozenset({"user-agent", "accept", "accept-encoding"})
_NO_LIMITS: Final = aiohttp.ClientTimeout(total=None)
"""For whole answers, whose time is limited around everything."""


class _Reply(Protocol):
    """An answer whose head is there, from either of the two ways."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Headers: ...
    def whole(self) -> bytes | None: ...
    def chunks(self) -> AsyncIterator[bytes]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _LibraryReply:
    """An answer that the library reads."""

    response: aiohttp.ClientResponse

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Headers:
        return self.response.headers

    def whole(self) -> bytes | None:
        return None

    def chunks(self) -> AsyncIterator[bytes]:
        return aiter(self.response.content.iter_any())

    def close(self) -> None:
        self.response.close()


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer whose body is still on the wire, exactly as the remote side sends it (no decompression).

    Attributes:
        status: HTTP status.
        headers: answer headers.
        url: where it came from after redirects; it may hold secrets.
    """

    status: int
    headers: Headers = field(repr=False)
    url: str = field(repr=False)
    _reply: _Reply = field(repr=False)
    _target: Target = field(repr=False)
    _provider: str = field(repr=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece. A slow reader slows the remote side down: at most half a mebibyte waits here.

        Raises:
            UpstreamTimeout: nothing came for the idle time.
            ConnectionFailed: it broke before its end.
        """
        try:
            async for chunk in self._reply.chunks():
                yield chunk
        except FAULTS as error:
            raise translate(error, self._target, provider=self._provider, streaming=True) from None


class Http:
    """Sends requests through the guarded pool. One per process; the owner closes it with ``aclose``.

    Args:
        egress: the guard; shared with the proxy for child processes, and closed by its owner.
        ca_file: PEM file of certificate authorities to trust beside the system's.
        user_agent: sent unless a request names its own.
    """

    def __init__(self, egress: Egress, *, ca_file: Path | None = None, user_agent: str = _USER_AGENT) -> None:
        self.egress = egress
        self._transport = Transport(egress, ca_file=ca_file)
        self._ours = {
            coding: (("User-Agent", user_agent), ("Accept", "*/*"), ("Accept-Encoding", coding))
            for coding in (ACCEPT_ENCODING, _NO_CODING)
        }

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderPairs = (),
        params: Query | None = None,
        json: object = None,
        form: Query | None = None,
        multipart: Sequence[Part] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        timeout: float = 30.0,
        max_body: int = _BODY_MAX,
        proxy: str | Secret | None = None,
        follow: int = 0,
        trusted: bool = False,
        provider: str = "",
    ) -> Answer:
        """Sends one request and reads the whole answer.

        Args:
            method: HTTP method.
            url: absolute http(s) URL; secrets belong into ``headers`` or ``params``.
            headers: request headers.
            params: added to the URL's query.
            json: sent as JSON; at most one of ``json``, ``form``, ``multipart`` and ``content`` is given.
            form: sent URL-encoded.
            multipart: sent as multipart/form-data.
            content: raw bytes, or a source of bytes.
            timeout: seconds for everything: look-up, redirects, upload, answer.
            max_body: most bytes of the decoded body.
            proxy: egress proxy, ``http://user:password@host:port``.
            follow: redirects to follow, 0 to 5; 0 gives a redirect back as the answer.
            trusted: True leaves the guard out, for addresses that the operator's configuration names.
            provider: house name that goes into errors.

        Raises:
            ForbiddenAddress: the guard refuses the URL, or an address behind it or behind a redirect.
            UpstreamTimeout, ConnectionFailed, ProtocolError: what went wrong on the way. Statuses are no errors.
        """
        started = time.monotonic()
        pairs, body = encode(headers, json=json, form=form, multipart=multipart, content=content)
        full_url = with_query(url, params)
        target = read_url(full_url)
        route = _Route(trusted, read_proxy(proxy), follow, None, provider)
        pairs = self._defaults(pairs, ACCEPT_ENCODING)
        try:
            async with asyncio.timeout(timeout):
                reply, answered = await self._ask(Request(method.upper(), target, pairs, body), route)
                try:
                    received = await self._read(reply, answered, max_body, provider)
                finally:
                    reply.close()
        except TimeoutError:
            raise UpstreamTimeout(
                f"No complete answer from {target.origin} within {timeout:g} seconds.", provider=provider
            ) from None
        return note(Answer(reply.status, reply.headers, received, time.monotonic() - started, answered.url))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderPairs = (),
        params: Query | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        connect_timeout: float = _CONNECT_SECONDS,
        idle_timeout: float = 30.0,
        proxy: str | Secret | None = None,
        follow: int = _HOPS_MAX,
        trusted: bool = False,
        provider: str = "",
    ) -> AsyncIterator[StreamedAnswer]:
        """Sends one request and hands the answer out while its body is on the wire.

        There is no limit on the whole time: only on connecting, and on silence. Leaving the block closes the connection
        at once unless the body was read to its end. Arguments and errors are those of ``request``.
        """
        pairs, body = encode(headers, content=content)
        target = read_url(with_query(url, params))
        limits = aiohttp.ClientTimeout(total=None, connect=connect_timeout, sock_read=idle_timeout)
        route = _Route(trusted, read_proxy(proxy), follow, limits, provider)
        pairs = self._defaults(pairs, _NO_CODING)
        reply, answered = await self._ask(Request(method.upper(), target, pairs, body), route)
        try:
            yield StreamedAnswer(reply.status, reply.headers, answered.url, reply, answered, provider)
        finally:
            reply.close()

    async def aclose(self) -> None:
        """Closes every connection; idempotent. The guard stays open."""
        await self._transport.aclose()

    async def _ask(self, request: Request, route: "_Route") -> tuple[_Reply, Target]:
        """Sends the request and follows redirects; the caller closes the reply."""
        reply = await self._send(request, route)
        most = min(route.follow, _HOPS_MAX)
        for left in range(most, -1, -1):
            place = reply.headers.get("location") if most else None
            if reply.status not in _REDIRECTS or place is None:
                break
            reply.close()  # before anything that may raise
            if not left:
                raise ProtocolError(
                    f"{request.target.origin} redirects more than {most} times.", provider=route.provider
                )
            target = read_url(location(request.target, place))
            await self.egress.check_hop(target.url)
            # The operator's trust ends at the origin that was named.
            route = replace(route, trusted=route.trusted and target.origin == request.target.origin)
            request = redirected(request, reply.status, target, provider=route.provider)
            reply = await self._send(request, route)
        return reply, request.target

    async def _send(self, request: Request, route: "_Route") -> _Reply:
        await self._check(request.target, route)
        plain = plain_bytes(request) if route.plain else None
        try:
            if plain is not None:
                return await self._transport.whole_answers.ask(request.target, plain)
            return _LibraryReply(await self._send_by_library(request, route))
        except UpstreamError as error:
            error.provider = error.provider or route.provider  # the guard does not know whom it resolves for
            raise
        except FAULTS as error:
            raise translate(error, request.target, provider=route.provider) from None

    async def _send_by_library(self, request: Request, route: "_Route") -> aiohttp.ClientResponse:
        target, proxy = request.target, route.proxy
        credential = (("Proxy-Authorization", proxy.authorization),) if proxy and proxy.authorization else ()
        # A tunnel takes the credential in its CONNECT; a plain request through a proxy carries it itself.
        tunnel = target.scheme == "https"
        return await self._transport.session(trusted=route.trusted).request(
            request.method,
            URL(target.url, encoded=True),
            headers=CIMultiDict(request.headers if tunnel else (*request.headers, *credential)),
            data=_payload(request.body),
            allow_redirects=False,
            timeout=route.timeout or _NO_LIMITS,
            proxy=URL(proxy.url, encoded=True) if proxy else None,
            proxy_headers=dict(credential) if tunnel else None,
        )

    async def _check(self, target: Target, route: "_Route") -> None:
        if route.trusted:
            return
        self.egress.check_target(target)
        if route.proxy is None:
            return  # the pool asks the guard for the addresses of the target itself
        # Behind a proxy the pool checks the proxy's address only. What the target's name means here is checked as well,
        # so that a private name is not reached through a proxy; a name known only to the proxy's side may pass.
        try:
            await self.egress.approve(target.host, target.port)
        except (ConnectionFailed, UpstreamTimeout):
            return

    async def _read(self, reply: _Reply, target: Target, limit: int, provider: str) -> bytes:
        coding = ", ".join(reply.headers.getall("content-encoding", ()))
        body = reply.whole() if not coding else None
        if body is not None and len(body) <= limit:
            return body
        try:
            return await read_body(reply.chunks(), coding=coding, limit=limit, provider=provider)
        except FAULTS as error:
            raise translate(error, target, provider=provider) from None

    def _defaults(self, headers: tuple[tuple[str, str], ...], coding: str) -> tuple[tuple[str, str], ...]:
        named = names_in(headers)
        ours = self._ours[coding]
        return headers + (ours if named.isdisjoint(_OURS) else tuple(p for p in ours if p[0].lower() not in named))


@asynccontextmanager
async def open_http(
    policy: EgressPolicy, *, resolver: Resolver | None = None, ca_file: Path | None = None
) -> AsyncIterator[Http]:
    """A client with a guard of its own for this policy; leaving the block closes both."""
    egress = Egress(policy, resolver=resolver)
    http = Http(egress, ca_file=ca_file)
    try:
        yield http
    finally:
        await http.aclose()
        egress.close()


@dataclass(slots=True)
class _Route:
    """How a request and its redirects travel; ``timeout`` is None for whole answers."""

    trusted: bool
    proxy: Proxy | None
    follow: int
    timeout: aiohttp.ClientTimeout | None
    provider: str

    @property
    def plain(self) -> bool:
        """Whether nothing but the request itself decides about the way it takes."""
        return self.timeout is None and self.proxy is None and not self.trusted


def _payload(body: Body) -> bytes | AsyncIterable[bytes] | aiohttp.FormData | None:
    if not isinstance(body, tuple):
        return body
    form = aiohttp.FormData(default_to_multipart=True)
    for part in body:
        form.add_field(part.name, part.content, filename=part.filename, content_type=part.content_type)
    return form
