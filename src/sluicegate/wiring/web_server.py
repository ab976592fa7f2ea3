"""The web server of a process: answers on a listening socket until its time is over."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

import uvicorn
from uvicorn._types import ASGIApplication

from sluicegate.web.server import server_config
from sluicegate.wiring.installation import Installation
from sluicegate.wiring.tls import server_certificate
from sluicegate.wiring.web import make_app

__all__ = ["answering"]


@asynccontextmanager
async def answering(installation: Installation, listener: socket.socket, stop: asyncio.Event) -> AsyncIterator[None]:
    """Serves on ``listener`` inside the block; when the server ends by itself, it sets ``stop``."""
    certificate = server_certificate(installation.settings)
    tls = None if certificate is None else certificate.context
    server = _Server(server_config(cast("ASGIApplication", make_app(installation)), tls=tls))
    renewing = None if certificate is None else asyncio.create_task(certificate.keep_fresh())
    running = asyncio.create_task(server.serve(sockets=[listener]))
    running.add_done_callback(lambda _: stop.set())
    try:
        await asyncio.wait({running, asyncio.create_task(server.listening.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield
    finally:
        if renewing is not None:
            renewing.cancel()
        server.should_exit = True
        await server.end(running)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has several parts to stop, in order."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says when requests are answered."""
        await super().startup(sockets)
        self.listening.set()

    async def end(self, running: asyncio.Task[None]) -> None:
        """Waits until requests in hand are answered; when that wait is cancelled, they are cut off."""
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            self.force_exit = True
            # That requests were cut off is no news to whoever has asked for it twice.
            logging.getLogger("uvicorn.error").disabled = True
            await running
            await self.lifespan.shutdown()  # left out by uvicorn, which the application would complain of
            raise

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield
