"""A stream proxy that speaks what StremThru documents of ``/v0/proxy`` and ``/v0/health/__debug__``."""

import base64
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

REFUSED = {"X-StremThru-Authenticate": "Basic"}


@dataclass
class StremThruTwin:
    """One user with one password; notes the forms it was sent."""

    user: str
    url: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    answer: Any = None
    _links: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StremThruTwin"]:
        app = web.Application()
        app.router.add_post("/v0/proxy", self._make)
        app.router.add_get("/v0/proxy/{token}/{name}", self._play)
        app.router.add_get("/v0/health/__debug__", self._debug)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _allowed(self, request: web.Request) -> bool:
        sent = request.headers.get("X-StremThru-Authorization", "").removeprefix("Basic ") or request.query.get("token")
        return sent in {self.user, base64.b64encode(self.user.encode()).decode()}

    async def _make(self, request: web.Request) -> web.Response:
        if not self._allowed(request):
            return web.json_response({"error": {"code": "FORBIDDEN"}}, status=403, headers=REFUSED)
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.forms.append(form)
        if self.answer is not None:
            return web.json_response(self.answer)
        hidden = "X-StremThru-Authorization" in request.headers
        plain = base64.urlsafe_b64encode(json.dumps(form["url"]).encode()).decode().rstrip("=")
        token = secrets.token_urlsafe(12) if hidden else plain
        self._links[token] = form["url"]
        link = f"{self.url}/v0/proxy/{token}/{form['filename[0]']}"
        return web.json_response({"data": {"items": [link], "total_items": 1}})

    async def _play(self, request: web.Request) -> web.Response:
        url = self._links.get(request.match_info["token"])
        if url is None:
            return web.Response(status=403)
        headers = {"Range": request.headers["Range"]} if "Range" in request.headers else {}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return web.Response(status=answer.status, body=await answer.read())

    async def _debug(self, request: web.Request) -> web.Response:
        data: dict[str, Any] = {"ip": {"machine": "203.0.113.7", "exposed": {"*": "203.0.113.8"}}}
        return web.json_response({"data": data | ({"user": {"name": "x"}} if self._allowed(request) else {})})
