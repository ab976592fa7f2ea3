"""Serves the sandbox over HTTP on uvicorn, with the connection's transport in reach so that it can be broken."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sluicegate.sandbox.app import SandboxApp
from sluicegate.sandbox.dialects import DIALECTS
from sluicegate.sandbox.misbehave import TRANSPORT
from sluicegate.sandbox.world import World

__all__ = ["SandboxServer", "serve"]

_START_SECONDS: Final = 15.0
_STOP_SECONDS: Final = 2
_BACKLOG: Final = 2048


class _BreakableProtocol(HttpToolsProtocol):
    """HTTP that hands its transport to the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: cast("dict[object, object]", self.transport)}


class _QuietServer(uvicorn.Server):
    """uvicorn inside another program: signals stay with that program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class SandboxServer:
    """The provider sandbox on one port.

    Args:
        data_dir: folder that keeps the world; None keeps it in memory only.
        host: address to listen on.
        port: 0 picks a free one.

    ``async with SandboxServer() as sandbox`` starts and stops it; ``start`` and ``stop`` do the same.
    """

    def __init__(self, data_dir: Path | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self._data_dir = data_dir
        self._host = host
        self._port = port
        self._url = ""
        self._world: World | None = None
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """``http://host:port`` without a slash at the end; known once started."""
        return self._url

    async def start(self) -> str:
        """Listen and answer.

        Returns:
            ``url``.

        Raises:
            OSError: when the address cannot be listened on.
            TimeoutError: when the server does not come up within 15 seconds.
        """
        listener = _listen(self._host, self._port)
        self._url = f"http://{_reachable(self._host)}:{listener.getsockname()[1]}"
        self._world = World(self._data_dir)
        config = uvicorn.Config(
            SandboxApp(self._world, self._url, DIALECTS),
            http=_BreakableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = _QuietServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="provider sandbox")
        async with asyncio.timeout(_START_SECONDS):
            while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no signal
                await asyncio.sleep(0.005)
        if self._task.done():
            self._task.result()
        return self._url

    async def wait(self) -> None:
        """Return when the server has stopped."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Stop answering, break what is still open, keep the world. Stopping twice is fine."""
        if self._server is None or self._task is None or self._world is None:
            return
        self._server.should_exit = True
        for connection in list(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await self._task
        self._world.close()
        self._server = self._task = self._world = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def serve(
    data_dir: Path | None = None, host: str = "127.0.0.1", port: int = 0, stop: asyncio.Event | None = None
) -> None:
    """Serve until ``stop`` is set or the task is cancelled; prints the address as ``sandbox http://…``."""
    async with SandboxServer(data_dir, host, port) as sandbox:
        print(f"sandbox {sandbox.url}", flush=True)  # noqa: T201 - the line that starters wait for
        await (stop or asyncio.Event()).wait()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on every answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _reachable(host: str) -> str:
    """The address to put into links for an address listened on."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - what a listener on every address is reached by
    return f"[{host}]" if ":" in host else host
