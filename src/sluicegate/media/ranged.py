"""One plain file on a port of the loopback, for a converter that reads only the parts it needs.

The converter cannot reach anything else, and the file's own host never sees it: every byte comes through the guarded
client, which knows the version of the file, TLS and broken connections.
"""

import asyncio
import contextlib
import re
import secrets
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

from sluicegate.core.errors import SluicegateError
from sluicegate.core.media import DirectBytes

__all__ = ["RangedFile"]

_HEAD_BYTES: Final = 8 * 1024
_HEAD_SECONDS: Final = 10.0
_STALL_SECONDS: Final = 300.0
"""The converter takes nothing for so long: it has died, or works on a very large piece."""

_WAITING_BYTES: Final = 64 * 1024
_SOCKET_BYTES: Final = 128 * 1024
"""What is on its way when the converter seeks was fetched for nothing, so that it is little."""

_RANGE: Final = re.compile(rb"\r\nrange: *bytes=(\d{1,19})-(\d{1,19})?\r\n", re.IGNORECASE)


class RangedFile:
    """Serves ``direct`` to whoever knows its address.

    Attributes:
        served: bytes sent so far.
        failure: why the file could not be read, when it could not.
    """

    def __init__(self, direct: DirectBytes, size: int, on_served: Callable[[int], None]) -> None:
        self.served = 0
        self.failure: SluicegateError | None = None
        self._direct = direct
        self._size = size
        self._on_served = on_served
        self._path = f"/{secrets.token_urlsafe(24)}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[str, int]]:
        """The file's address and its port, inside the block."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=_HEAD_BYTES)
        answering = server.sockets[0]
        port: int = answering.getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}{self._path}", port
        finally:
            server.close()
            await server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            with contextlib.suppress(SluicegateError):  # the converter sees a broken transfer
                await self._send(head, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the converter has read what it wanted
        finally:
            writer.close()

    async def _send(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        span = self._span(head)
        if span is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        start, stop = span
        writer.transport.set_write_buffer_limits(high=_WAITING_BYTES)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
        writer.write(
            b"HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nConnection: close\r\nContent-Length: %d\r\n"
            b"Content-Range: bytes %d-%d/%d\r\n\r\n" % (stop - start, start, stop - 1, self._size)
        )
        async with contextlib.aclosing(self._bytes(start, stop)) as chunks:
            async for chunk in chunks:
                writer.write(chunk)
                async with asyncio.timeout(_STALL_SECONDS):
                    await writer.drain()
                self.served += len(chunk)
                self._on_served(self.served)

    def _span(self, head: bytes) -> tuple[int, int] | None:
        """First byte and the one after the last; None for a request that is not ours."""
        if not head.startswith(f"GET {self._path} HTTP/1.".encode()):
            return None
        found = _RANGE.search(head)
        start = int(found[1]) if found else 0
        stop = min(int(found[2]) + 1, self._size) if found and found[2] else self._size
        return (start, stop) if start < stop else None

    async def _bytes(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        left = stop - start
        try:
            reading = cast("AsyncGenerator[bytes, None]", self._direct.read(start))
            async with contextlib.aclosing(reading) as chunks:
                async for chunk in chunks:
                    yield chunk[:left]
                    left -= len(chunk)
                    if left <= 0:
                        return
        except SluicegateError as error:
            self.failure = error
            raise
