"""One HTTP/1.1 connection that asks for whole answers, one after another.

It is the short way of ``Http.request``: llhttp parses, and between the socket and the caller there is nothing else.
Whatever an answer is doubtful about costs the connection: only one that was read to its promised end, with not a byte
too many, and that neither side wants closed, serves again. Nothing is ever sent twice.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from multidict import CIMultiDict, CIMultiDictProxy

from sluicegate.net.answers import Headers

__all__ = ["Connection", "CutAnswer", "LostConnection", "MalformedAnswer"]

_OVERHEAD_MAX: Final = 128 * 1024
"""Bytes of heads, trailers and chunk sizes that one answer may have beyond a share of its body."""
_OVERHEAD_PER_BYTE: Final = 8
"""A chunk of one byte takes six on the wire."""
_HEADER_LINE: Final = 16 * 1024
_HEADERS: Final = 128
_BUFFER: Final = 256 * 1024
"""Bytes of a body that wait for their reader before the socket is paused."""
_BODILESS: Final = frozenset({204, 304})
_NO_HEADERS: Final[Headers] = CIMultiDictProxy(CIMultiDict())
_SWITCHING: Final = 101


class LostConnection(OSError):
    """The connection broke before an answer began."""


class CutAnswer(Exception):
    """The answer ends before its end."""


class MalformedAnswer(ValueError):
    """What came is not an HTTP answer, or one with a head out of all bounds."""


class Connection(asyncio.Protocol):
    """A connection that is open from the moment its transport is made.

    Attributes:
        status: of the final answer; 0 until its head is there.
        headers: of the final answer.
        idle_since: monotonic time when it was last put away.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = _NO_HEADERS
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # As lenient as the library for everything else: servers written at home end lines with a bare LF, or fold them.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._waiter: asyncio.Future[None] | None = None
        self._asked = False
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self._lines: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._wire = 0
        self._payload = 0
        self._interim = False
        self._until_close = False
        self._complete = False
        self._reusable = True
        self._fault: Exception | None = None

    # What the pool and the client call

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: the last answer is complete, and nothing speaks against it."""
        transport = self._transport
        return (
            self._reusable
            and self._complete
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )

    async def ask(self, request: bytes | bytearray) -> None:
        """Sends a request and waits for the head of its answer.

        Raises:
            LostConnection, MalformedAnswer: no answer began.
        """
        if self._transport is None or self._transport.is_closing():
            raise LostConnection
        self._begin()
        self._asked = True
        self._transport.write(request)
        while not self.status:
            await self._more()

    def whole(self) -> bytes | None:
        """The body when all of it is there and nobody has begun to read it, else None."""
        return b"".join(self._pieces) if self._complete and self._waiting == self._payload else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it was sent, piece by piece.

        Raises:
            CutAnswer, MalformedAnswer: it ends too early, or goes on as nothing that HTTP knows.
        """
        while True:
            if self._pieces:
                piece = b"".join(self._pieces)
                self._pieces.clear()
                self._waiting = 0
                if self._transport is not None:
                    self._transport.resume_reading()
                yield piece
            elif self._complete:
                return
            else:
                await self._more()

    def rest(self, now: float) -> None:
        """Is put away until somebody asks again; whatever comes meanwhile was not asked for."""
        self._asked = False
        self._pieces.clear()
        self.idle_since = now

    def abort(self) -> None:
        """Closes it at once."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    async def _more(self) -> None:
        """Waits until something has come."""
        if self._fault is not None:
            raise self._fault
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if not self._asked or self._parser is None:
            self.abort()
            return
        self._wire += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(MalformedAnswer())
        if not self._complete and self._wire - self._payload > _OVERHEAD_MAX + _OVERHEAD_PER_BYTE * self._payload:
            self._fail(MalformedAnswer())
        if self._waiting > _BUFFER and not self._complete and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """The remote side has said all; the transport closes itself."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._end(broken=exc is not None)
        self._parser = None  # it refers back to this
        self._transport = None

    def _end(self, *, broken: bool = False) -> None:
        if self._asked and self._until_close and not broken and self._fault is None:
            self._complete = True
        self._fail(CutAnswer() if self.status else LostConnection())
        self._wake()

    def _fail(self, fault: Exception) -> None:
        """The connection is of no more use; what is complete stays so."""
        self._reusable = False
        if not self._complete and self._fault is None:
            self._fault = fault

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the parser calls; what is raised here ends the parsing

    def on_message_begin(self) -> None:
        """A head begins; after the final answer there must be none."""
        if self._complete:
            raise MalformedAnswer

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of a head, or of the trailers, which say nothing to us."""
        if not self.status:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is complete: an interim one (RFC 9110, 15.2), of which any number may come first, or the answer's."""
        parser = cast("HttpResponseParser", self._parser)
        status = parser.get_status_code()
        if status < 100 or status == _SWITCHING or not self._bounded():
            raise MalformedAnswer
        self._interim = status < 200
        if self._interim:
            self._lines.clear()
            return
        headers = CIMultiDict(
            [
                (name.decode("latin-1"), value.decode("utf-8", "surrogateescape").rstrip(" \t"))
                for name, value in self._lines
            ]
        )
        chunked = "transfer-encoding" in headers
        if chunked and [coding.lower() for coding in headers.getall("transfer-encoding")] != ["chunked"]:
            raise MalformedAnswer
        self._until_close = not chunked and "content-length" not in headers and status not in _BODILESS
        self._reusable = self._reusable and not self._until_close and parser.should_keep_alive()
        self.headers = CIMultiDictProxy(headers)
        self.status = status

    def _bounded(self) -> bool:
        """Whether a head is of a size, and of bytes, that heads have."""
        if len(self._lines) > _HEADERS or b"\0" in b"".join([value for _, value in self._lines]):
            return False
        return self._wire < _HEADER_LINE or all(len(name) + len(value) < _HEADER_LINE for name, value in self._lines)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        self._payload += len(piece)

    def on_message_complete(self) -> None:
        """The end of an interim head, or of everything."""
        self._complete = not self._interim
