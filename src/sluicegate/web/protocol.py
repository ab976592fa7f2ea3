"""uvicorn's httptools protocol, with what a public byte server needs beside it.

- **Zero copy.** uvicorn has no ``http.response.pathsend`` and uvloop no ``sendfile``; this offers the ASGI extension
  ``http.response.zerocopysend`` on plain TCP.
- **Bounded heads.** httptools gathers header lines without a limit, and uvicorn waits for them without a time-out.
- **Ends that end.** A closing transport waits until its buffer is flushed, which a client that reads nothing prevents
  for ever; here it is cut off after a while.
"""

import asyncio
import os
import socket
import sys
from typing import Any, Final, cast

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from sluicegate.web.asgi import ZERO_COPY, Application, Message, Receive, Scope, Send
from sluicegate.web.client_watch import STALL_SECONDS
from sluicegate.web.zero_copy import FileSending, SendingStalled

__all__ = ["ByteProtocol"]

_HEAD_BYTES_MAX: Final = 64 * 1024
_HEAD_SECONDS: Final = 20.0
_FLUSH_SECONDS: Final = 30.0
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 31\r\nconnection: close\r\n\r\n"
    b"The request's head is too long."
)


class ByteProtocol(HttpToolsProtocol):
    """One connection. Give the class to uvicorn as ``http``."""

    stall_seconds = STALL_SECONDS
    head_seconds = _HEAD_SECONDS
    flush_seconds = _FLUSH_SECONDS

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = False  # uvicorn logs whole request targets, and ours are credentials
        self._sending: FileSending | None = None
        self._in_head = True
        self._head_bytes = 0
        self._head_refused = False
        self._stopping = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        """Starts the time for the first head."""
        super().connection_made(transport)
        self._zero_copy = sys.platform == "linux" and self.scheme == "http" and _is_tcp(transport)
        self._set_timer(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends whatever still sends on this connection."""
        self._clear_timer()
        super().connection_lost(exc)
        if self._sending is not None:
            self._sending.stop()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser and watches over heads that are not complete."""
        self._head_bytes += len(data)
        super().data_received(data)
        if not self._in_head or not self._head_bytes or self.transport.is_closing():
            return
        if self._head_bytes > _HEAD_BYTES_MAX:
            self._refuse_head()
        elif self._timer is None:
            self._set_timer(self.head_seconds)

    def send_400_response(self, msg: str) -> None:
        """Answers a request that cannot be parsed, or one whose head we refused in mid-parse."""
        if self._head_refused:
            self._refuse_head()
        else:
            super().send_400_response(msg)
            self._limit_flush()

    def on_message_begin(self) -> None:
        """Tells the application what this server can do."""
        super().on_message_begin()
        if self._zero_copy:
            self.scope["extensions"] = {ZERO_COPY: {}}

    def on_headers_complete(self) -> None:
        """The head is complete in time."""
        self._in_head = False
        self._clear_timer()
        if self._head_bytes > _HEAD_BYTES_MAX and self._head_size() > _HEAD_BYTES_MAX:
            self._head_refused = True
            raise ValueError("the parser turns this into send_400_response")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next bytes are a head again."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: from now on nothing waits for a client to read."""
        self._stopping = True
        super().shutdown()
        if self.transport.is_closing():
            self._limit_flush()

    def timeout_keep_alive_handler(self) -> None:
        """Closes an idle connection, even when its client has not read the last response."""
        super().timeout_keep_alive_handler()
        self._limit_flush()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        inner = cast("Application", app)

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            async def extended(message: Message) -> None:
                if message["type"] == ZERO_COPY:
                    await self._send_file(cycle, message)
                else:
                    await send(message)

            try:
                await inner(scope, receive, extended)
            finally:
                self._end(cycle)

        super()._start_asgi_task(cycle, cast("ASGI3Application", watched))

    async def _send_file(self, cycle: RequestResponseCycle, message: Message) -> None:
        """``http.response.zerocopysend`` with ``offset`` and ``count``, within a response of known length."""
        count: int = message["count"]
        if not cycle.response_started or cycle.response_complete or count > cycle.expected_content_length:
            raise RuntimeError("A file is sent within a started response, and within its Content-Length.")
        await self._flush()
        if not cycle.disconnected:
            cycle.expected_content_length -= count
            await self._send_span(cycle, message["file"].fileno(), message["offset"], count)
        if not message.get("more_body", False):
            await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _flush(self) -> None:
        """Waits until the transport's write buffer is empty; uvloop tells by its low-water mark only."""
        if not self.transport.get_write_buffer_size():
            return
        self.transport.set_write_buffer_limits(high=0)
        try:
            await self.flow.drain()
        finally:
            if not self.transport.is_closing():
                self.transport.set_write_buffer_limits()

    async def _send_span(self, cycle: RequestResponseCycle, file: int, offset: int, count: int) -> None:
        connection = self.transport.get_extra_info("socket")
        self._sending = FileSending(connection, file, offset, count, self.stall_seconds)
        try:
            missing = await self._sending.run()
        except SendingStalled:
            missing = count
            self.transport.abort()
        finally:
            self._sending = None
        if missing:
            # Too few bytes are on the wire: whatever follows would be read as file content.
            cycle.disconnected = True
            self.transport.abort()

    def _end(self, cycle: RequestResponseCycle) -> None:
        """The application is done: a response that it left in the middle takes its connection along."""
        if cycle.response_started and not cycle.response_complete and not cycle.disconnected:
            cycle.disconnected = True
            self.transport.close()  # what is buffered may still arrive
        if self.transport.is_closing():
            self._limit_flush()

    def _refuse_head(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()
        self._limit_flush()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _limit_flush(self) -> None:
        """A closing transport that cannot flush its buffer is cut off later; one that is closed already is left."""
        if self._stopping:
            self.transport.abort()
        elif self in self.connections:
            self._set_timer(self.flush_seconds)

    def _set_timer(self, seconds: float) -> None:
        self._clear_timer()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_tcp(transport: asyncio.Transport) -> bool:
    connection: socket.socket | None = transport.get_extra_info("socket")
    internet = (socket.AF_INET, socket.AF_INET6)
    return connection is not None and connection.family in internet and hasattr(os, "sendfile")
