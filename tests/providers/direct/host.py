"""A web host on 127.0.0.1 made of bare sockets, which can misbehave in every way that downloads meet."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK = 64 * 1024


@dataclass
class Request:
    path: str
    headers: dict[str, str]

    @property
    def span(self) -> tuple[int, int | None] | None:
        """First and last byte asked for (inclusive), None without a range."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        return (int(found[1]), int(found[2]) if found[2] else None) if found else None

    @property
    def is_probe(self) -> bool:
        return self.span == (0, 0)


@dataclass
class Host:
    """Serves ``content`` at every path.

    Attributes:
        etag: its ETag, None for none.
        modified: its Last-Modified, None for none.
        ranges: whether it honours ranges.
        chunk_delay: seconds between two pieces of ``chunk`` bytes.
        cut_after: body bytes after which each connection breaks, None for never.
        cuts: how many connections break so.
        promised: a wrong Content-Length, None for the right one.
        statuses: statuses to answer first, one per request that is not the probe.
        extra: further answer headers.
        endless: never stop sending.
        before: called with every request before it is answered; may change the host.
    """

    content: bytes = b""
    etag: str | None = '"v1"'
    modified: str | None = None
    ranges: bool = True
    chunk: int = CHUNK
    chunk_delay: float = 0.0
    cut_after: int | None = None
    cuts: int = 10**9
    promised: int | None = None
    statuses: list[int] = field(default_factory=list)
    probe_status: int | None = None
    extra: dict[str, str] = field(default_factory=dict)
    endless: bool = False
    chunked: bool = False
    redirects: dict[str, str] = field(default_factory=dict)
    before: Callable[[Request], None] | None = None
    requests: list[Request] = field(default_factory=list)
    sent: int = 0
    busy: set[int] = field(default_factory=set)
    most_active: int = 0
    origin: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def url(self) -> str:
        return f"{self.origin}/files/film.mkv"

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["Host"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(120):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                await self._answer(Request(head[0].split(" ")[1], headers), writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            self.busy.discard(id(writer))
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        self.busy.add(id(writer))
        self.most_active = max(self.most_active, len(self.busy))
        if self.before is not None:
            self.before(request)
        condition = request.headers.get("if-range")
        fresh = condition is None or condition in {self.etag, (self.modified or "").lower()}
        span = request.span if self.ranges and fresh else None
        if target := self.redirects.get(request.path):
            await self._head(writer, 302, {"Location": target})
        elif request.is_probe and self.probe_status is not None:
            await self._head(writer, self.probe_status, self.extra)
        elif self.statuses and not request.is_probe:
            await self._head(writer, self.statuses.pop(0), self.extra)
        elif span is not None and span[0] >= len(self.content):
            await self._head(writer, 416, {"Content-Range": f"bytes */{len(self.content)}"})
        else:
            await self._body(request, writer, span)

    async def _body(self, request: Request, writer: asyncio.StreamWriter, span: tuple[int, int | None] | None) -> None:
        total = len(self.content)
        first, wanted = (0, None) if span is None else span
        last = total - 1 if wanted is None else min(wanted, total - 1)
        body = memoryview(self.content)[first : last + 1]
        headers = {"Content-Type": "application/octet-stream", **self.extra}
        if self.etag is not None:
            headers["ETag"] = self.etag
        if self.modified is not None:
            headers["Last-Modified"] = self.modified
        if span is not None:
            headers["Content-Range"] = f"bytes {first}-{last}/{total}"
        if self.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not self.endless:
            headers["Content-Length"] = str(len(body) if self.promised is None else self.promised)
        await self._head(writer, 200 if span is None else 206, headers)
        await self._send(writer, body, cut=None if request.is_probe else self.cut_after)

    async def _send(self, writer: asyncio.StreamWriter, body: memoryview, *, cut: int | None) -> None:
        sent = 0
        while self.endless or sent < len(body):
            piece = bytes(self.chunk) if self.endless else body[sent : sent + self.chunk]
            if cut is not None and self.cuts > 0 and sent + len(piece) > cut:
                self.cuts -= 1
                writer.write(bytes(piece[: cut - sent]))
                await writer.drain()
                return
            if sent + len(piece) >= len(body) and not self.endless:
                self.busy.discard(id(writer))  # what the client does with the last piece is no longer this request's
            writer.write(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) if self.chunked else bytes(piece))
            await writer.drain()
            sent += len(piece)
            self.sent += len(piece)
            if self.chunk_delay:
                await asyncio.sleep(self.chunk_delay)
        if self.chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()

    async def _head(self, writer: asyncio.StreamWriter, status: int, headers: dict[str, str]) -> None:
        if status not in {200, 206}:
            headers = {**headers, "Content-Length": "0"}
        lines = [f"HTTP/1.1 {status} X", "Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))
        await writer.drain()


def some(size: int) -> bytes:
    return os.urandom(size)
