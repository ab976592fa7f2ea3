"""A remote server for tests that does exactly what its script says, byte by byte, and notes what it received."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Received, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = b"ok", *, status: str = "200 OK", headers: str = "", length: int | None = None) -> Script:
    """A script that answers at once; ``length`` lies about the size."""

    async def run(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body)
        await writer.drain()
        if length is not None:
            writer.close()

    return run


def redirect(place: str, status: int = 302) -> Script:
    """A script that sends the caller elsewhere."""
    return answer(b"", status=f"{status} Moved", headers=f"Location: {place}\r\n")


def raw(data: bytes) -> Script:
    """A script that sends these bytes and closes."""

    async def run(_request: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return run


def raw_open(data: bytes) -> Script:
    """A script that sends these bytes and then waits for the caller to hang up."""

    async def run(_request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await reader.read()

    return run


async def hang(_request: Received, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """A script that never answers; it ends when the caller hangs up."""
    await reader.read()


async def stall(_request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A script that begins an answer and falls silent."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
    await reader.read()


@dataclass
class Remote:
    """A listening server: scripts by path, requests received, connections that are open."""

    port: int = 0
    scheme: str = "http"
    scripts: dict[str, Script] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    accepted: int = 0
    sent: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def closed(self, within: float = 1.0) -> bool:
        """True when every connection is gone within so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.connections:
                    await asyncio.sleep(0.01)
        return not self.connections

    async def arrived(self, count: int = 1) -> None:
        """Waits until so many requests have come in."""
        async with asyncio.timeout(5):
            while len(self.received) < count:
                await asyncio.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        self.accepted += 1
        try:
            while not writer.is_closing():
                request = await _read_request(reader)
                self.received.append(request)
                script = self.scripts.get(request.path.partition("?")[0], answer(b"missing", status="404 Not Found"))
                await script(request, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            self.connections.discard(task)
            writer.close()


@asynccontextmanager
async def listen(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Remote]:
    """A remote server on a free port; leaving the block stops it and ends its connections."""
    remote = Remote(scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(remote.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    remote.port = server.sockets[0].getsockname()[1]
    try:
        yield remote
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        return Received(method, path, headers, await _read_chunked(reader))
    return Received(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body
