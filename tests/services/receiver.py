"""A webhook receiver on a real socket: it keeps what comes and answers as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Receiver:
    """What came, and what is answered."""

    url: str = ""
    answers: dict[str, web.Response] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    hang: set[str] = field(default_factory=set)
    endless: set[str] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, path: str, status: int, **headers: str) -> None:
        """From now on ``path`` answers this."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = web.Response(status=status, headers=named)

    def at(self, path: str) -> list[tuple[dict[str, str], bytes]]:
        """Headers and body of everything that came to ``path``."""
        return [(headers, body) for there, headers, body in self.got if there == path]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Receiver"]:
        """Listens inside the block."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.released.set()
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.path
        self.got.append((path, {name.lower(): value for name, value in request.headers.items()}, body))
        if path in self.hang:
            await self.released.wait()
        if path in self.endless:
            return await self._pour(request)
        answer = self.answers.get(path)
        return web.Response(status=answer.status, headers=answer.headers) if answer else web.Response(text="thanks")

    async def _pour(self, request: web.Request) -> web.StreamResponse:
        """Ten gigabytes, if anybody wants them."""
        stream = web.StreamResponse(headers={"content-length": str(10 << 30)})
        await stream.prepare(request)
        while not self.released.is_set():
            await stream.write(bytes(1 << 16))
        return stream
