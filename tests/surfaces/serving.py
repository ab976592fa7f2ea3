"""Serves an application on a real loopback socket, inside the test's own event loop."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator

import httpx
import uvicorn
from litestar.types import ASGIApp

from sluicegate.web.server import server_config


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the signals belong to pytest


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Yields the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Server(server_config(app, tls=tls))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def calling(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Yields an HTTP client of the served application."""
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client
