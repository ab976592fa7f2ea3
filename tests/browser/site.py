"""A sandboxed installation, and what the tests of this folder do to it from outside."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
from tests.faults.server import Server

PASSWORD = "a sentence is easy to keep"
_LINK = re.compile(r"http://\S+/app/welcome\?token=\S+")


@dataclass
class Site:
    """A running server, its sandbox, and a film with real bytes that the sandbox knows."""

    server: Server
    film: bytes
    digest: str = ""

    @property
    def url(self) -> str:
        return self.server.url

    async def control(self, path: str, body: dict[str, Any]) -> Any:
        """A call of the sandbox's control API."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.server.sandbox}/_control{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def keep_film(self) -> None:
        """Hands the film to the sandbox."""
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"{self.server.sandbox}/_control/bytes", data=self.film) as answer,
        ):
            self.digest = (await answer.json())["sha256"]
        assert self.digest == hashlib.sha256(self.film).hexdigest()

    async def define(self, name: str, paths: list[str], *, cached: bool = True, seconds: float = 100.0) -> str:
        """A torrent of films; its magnet."""
        info_hash = uuid4().hex + uuid4().hex[:8]
        content = {
            "info_hash": info_hash,
            "name": name,
            "files": [{"path": path, "bytes": self.digest} for path in paths],
            "cached_on": ["smokedebrid"] if cached else [],
            "seconds_to_ready": seconds,
        }
        await self.control("/content", content)
        return f"magnet:?xt=urn:btih:{info_hash}"

    @asynccontextmanager
    async def still_world(self) -> AsyncIterator[None]:
        """The sandbox's clock stands still but for ``advance``."""
        await self.control("/clock", {"rate": 0})
        try:
            yield
        finally:
            await self.control("/clock", {"rate": 1})

    async def advance(self, seconds: float) -> None:
        await self.control("/clock", {"advance_seconds": seconds})

    async def invitation(self) -> str:
        """A link for somebody new."""
        return await self.server.invitation()

    def first_link(self) -> str | None:
        """The link that the server printed for whoever comes first; None before it has."""
        found = _LINK.search(self.server.log())
        return found[0] if found else None
