"""A real server in a thread of its own, and a client that speaks raw bytes."""

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import uvicorn

from sluicegate.core.byte_source import ByteSource
from sluicegate.core.errors import SluicegateError
from sluicegate.web.asgi import Application, Receive, Scope, Send
from sluicegate.web.server import server_config
from sluicegate.web.streaming import send_bytes

MODIFIED = datetime(2024, 2, 29, 12, 30, 15, 500_000, tzinfo=UTC)


@dataclass
class Source:
    """A source whose content follows from the offset, and which notes what is done with it."""

    size: int | None
    name: str = "film.mkv"
    mime_type: str | None = None
    etag: str | None = "v1"
    modified_at: datetime | None = MODIFIED
    local_path: Path | None = None
    length: int = 0
    chunk: int = 65_536
    pause: Callable[[], object] | None = None
    fail_at: int | None = None
    fail_with: BaseException | None = None
    opened: list[tuple[int, int | None]] = field(default_factory=list)
    read: int = 0
    closed: int = 0
    closed_at: float = 0.0

    def open(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        self.opened.append((start, stop))
        return self._chunks(start, stop if stop is not None else self.length or self.size or 0)

    async def _chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        try:
            while start < stop:
                if self.fail_at is not None and start >= self.fail_at:
                    raise self.fail_with or RuntimeError("the source broke")
                if self.pause is not None:
                    await self.pause()  # type: ignore[misc]
                end = min(start + self.chunk, stop)
                self.read += end - start
                yield content(start, end)
                start = end
        finally:
            self.closed += 1
            self.closed_at = time.monotonic()


_PATTERN = bytes(range(251)) * 1050


def content(start: int, stop: int) -> bytes:
    """Bytes of an endless file that repeats every 251 bytes, so that every offset is recognisable."""
    parts = []
    while start < stop:
        shift = start % 251
        part = _PATTERN[shift : shift + min(stop - start, len(_PATTERN) - 251)]
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def serving(source: ByteSource, *, download: bool = False) -> Application:
    """An application that answers every path with one source, and core errors with 502."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/echo":
            return await _echo(scope, receive, send)
        try:
            return await send_bytes(source, scope, receive, send, download=download)
        except SluicegateError as error:
            await send({"type": "http.response.start", "status": 502, "headers": []})
            await send({"type": "http.response.body", "body": error.code.encode()})

    return app


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    body = scope["method"].encode() + b" " + body
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@dataclass
class Running:
    server: uvicorn.Server
    address: tuple[str, int]

    def connect(self, timeout: float = 15, receive_buffer: int | None = None) -> socket.socket:
        connection = socket.socket()
        connection.settimeout(timeout)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(self.address)
        return connection

    def get(
        self, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(*self.address, timeout=15)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


@contextlib.contextmanager
def running(app: Application, *, loop: str = "uvloop", http: object = None, **options: object) -> Iterator[Running]:
    """Serves ``app`` until the block ends; ``http`` replaces our protocol."""
    config = server_config(app)  # type: ignore[arg-type]
    config.loop = loop
    config.lifespan = "off"
    if http is not None:
        config.http = http  # type: ignore[assignment]
    for name, value in options.items():
        setattr(config, name, value)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield Running(server, listener.getsockname())
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()
        assert not thread.is_alive(), "the server does not stop"


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection, be it an orderly one or a reset."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)
