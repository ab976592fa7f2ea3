"""A web server that lies: for each path the bytes of a whole answer, as they are to go over the wire."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

__all__ = ["Wire", "endless", "lying_origin", "whole"]

Wire = Callable[[], AsyncIterator[bytes]]

BLOCK = bytes(256 * 1024)


def whole(body: bytes, *, length: int | None = None, kind: str = "application/octet-stream") -> Wire:
    """An answer that promises ``length`` bytes, sends ``body``, and closes the connection."""

    async def answer() -> AsyncIterator[bytes]:
        promised = len(body) if length is None else length
        yield b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), promised)
        yield body

    return answer


def endless(*, kind: str = "application/octet-stream", head: bytes = b"") -> Wire:
    """An answer of unknown length that goes on until the client has had enough."""

    async def answer() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % kind.encode()
        yield head
        while True:
            yield BLOCK

    return answer


@asynccontextmanager
async def lying_origin(answers: dict[str, Wire]) -> AsyncIterator[str]:
    """Serves ``answers`` on the loopback; yields the base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            async for piece in answers[request.split(" ")[1]]():
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
