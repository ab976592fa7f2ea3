"""A server in front of a real one that passes everything on, and misbehaves when told to."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

BUFFER = 256 * 1024
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Front:
    """What the front does with requests, and what it saw.

    Attributes:
        capacity: bytes of bodies that are let through in all; beyond it the answer is ``full``.
        refuse: asked for each request; an answer is sent instead of passing the request on.
        answered: told of each request that the real server has answered.
        vanish_after: bytes of bodies after which every connection is cut; None for never.
    """

    target: str
    url: str = ""
    capacity: int | None = None
    full: tuple[int, bytes, dict[str, str]] = (507, b"<Error><Code>InsufficientStorage</Code></Error>", {})
    refuse: Callable[[web.Request], tuple[int, bytes, dict[str, str]] | None] = lambda _: None
    answered: Callable[[web.Request], None] = lambda _: None
    vanish_after: int | None = None
    spoil: Callable[[web.Request, bytes], bytes] = lambda _, body: body
    taken: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    _at_work: int = 0

    async def settled(self) -> None:
        """Waits until the real server has answered everything, also what nobody waits for any more."""
        async with asyncio.timeout(60):
            while self._at_work:
                await asyncio.sleep(0.02)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Passes a request on, or not."""
        self._at_work += 1
        try:
            return await self._handle(request)
        finally:
            self._at_work -= 1

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path))
        refusal = self.refuse(request)
        if refusal is not None:
            return _answer(refusal)
        body = await self._body(request)
        if body is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if body and self.capacity is not None and self.taken > self.capacity:
            self.taken -= len(body)
            return _answer(self.full)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, URL(self.target + request.raw_path, encoded=True), headers=headers,
                data=io.BytesIO(self.spoil(request, body)) if request.method in {"PUT", "POST"} else None,
                allow_redirects=False,
            ) as answer,
        ):  # fmt: skip
            if request.method in {"PUT", "POST"}:
                await answer.read()  # whether or not somebody still waits for it
            self.answered(request)
            return await _pass_back(request, answer)

    async def _body(self, request: web.Request) -> bytes | None:
        """None when the connection is to be cut."""
        body = bytearray()
        if self.vanish_after is not None and self.taken >= self.vanish_after:
            return None
        try:
            async for chunk in request.content.iter_any():
                body += chunk
                self.taken += len(chunk)
                if self.vanish_after is not None and self.taken > self.vanish_after:
                    return None
        except BaseException:
            self.taken -= len(body)  # nobody kept what a broken request brought
            raise
        return bytes(body)


@asynccontextmanager
async def fronted(target: str) -> AsyncIterator[Front]:
    """A front for the server at ``target`` (scheme, host and port)."""
    front = Front(target)
    runner = web.AppRunner(_application(front), access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    front.url = f"http://127.0.0.1:{port}"
    try:
        yield front
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)


def _application(front: Front) -> web.Application:
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", front.handle)
    return app


def _answer(told: tuple[int, bytes, dict[str, str]]) -> web.Response:
    status, body, headers = told
    return web.Response(status=status, body=body, headers=headers)


async def _pass_back(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP - {"content-length"}}
    response = web.StreamResponse(status=answer.status, headers=kept)
    await response.prepare(request)
    if request.method in {"PUT", "POST"}:
        await response.write(await answer.read())
    elif request.method != "HEAD":
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    await response.write_eof()
    return response
