"""Serves the bytes behind direct links: ranges, HEAD, expiry, and the faults of file servers."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.kept_bytes import KeptBytes
from sluicegate.sandbox.links import PACKED, FileLink, LinkFault, LinkSigner
from sluicegate.sandbox.misbehave import TRANSPORT, Receive, Scope, Send, break_off, hang, send_answer
from sluicegate.sandbox.octets import spans
from sluicegate.sandbox.wire import Answer
from sluicegate.sandbox.world import World

__all__ = ["FileServer"]

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_STALL_SECONDS: Final = 120.0
_REFUSALS: Final = {
    FaultKind.RATE_LIMITED: (429, "Too Many Requests\n"),
    FaultKind.SERVER_ERROR: (503, "Service Unavailable\n"),
    FaultKind.QUOTA: (509, "Bandwidth Limit Exceeded\n"),
    FaultKind.SLOTS_FULL: (429, "Too Many Connections\n"),
    FaultKind.BAD_TOKEN: (403, "Forbidden\n"),
    FaultKind.GONE: (410, "Gone\n"),
}


@dataclass(frozen=True, slots=True)
class _Body:
    """A file's bytes: what they are derived from, how many there are, and what was handed in instead of noise."""

    identity: str
    path: str
    size: int
    kept: KeptBytes | None = None
    digest: str = ""

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        if self.kept is not None and self.digest:
            return self.kept.pieces(self.digest, start, stop)
        return spans(self.identity, self.path, start, stop)


class FileServer:
    """GET and HEAD under ``/files``."""

    def __init__(self, world: World, links: LinkSigner, dialects: dict[str, Dialect]) -> None:
        self._world = world
        self._links = links
        self._dialects = dialects

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one fetch; the status that was sent, 0 for a broken connection."""
        path, method = str(scope["path"]), str(scope["method"])
        provider = path.split("/", 3)[2] if path.count("/") > 2 else ""
        fault = self._world.faults.take(provider, method, path)
        if fault is not None:
            self._world.keep_faults()
        answer = self._refusal(path, method, provider, fault)
        if answer is not None:
            await send_answer(send, answer)
            return answer.status
        link = self._links.read(path, self._world.clock.now())
        assert isinstance(link, FileLink)  # noqa: S101 - _refusal answered everything else
        return await self._bytes(scope, receive, send, self._body(link), link, fault)

    def _refusal(self, path: str, method: str, provider: str, fault: Fault | None) -> Answer | None:
        dialect = self._dialects.get(provider)
        link = self._links.read(path, self._world.clock.now())
        if dialect is None or link is LinkFault.FORGED:
            return Answer.text("Not Found\n", 404)
        if method not in {"GET", "HEAD"}:
            return Answer(405, b"", [("allow", "GET, HEAD")])
        if link is LinkFault.EXPIRED or (fault and fault.fault is FaultKind.EXPIRED_LINK):
            return dialect.dead_link()
        if fault and fault.fault is FaultKind.HTML:
            return Answer.html(fault.status or 200)
        if fault and fault.fault in _REFUSALS:
            status, text = _REFUSALS[fault.fault]
            answer = Answer.text(text, fault.status or status)
            if fault.fault is FaultKind.RATE_LIMITED and fault.seconds:
                answer.headers.append(("retry-after", str(int(fault.seconds))))
            return answer
        return None

    def _body(self, link: FileLink) -> _Body:
        content = self._world.content_by_id(link.content_id)
        if content is None or link.index == PACKED or link.index >= len(content.files):
            return _Body(link.content_id, link.name, link.size)
        file = content.files[link.index]
        return _Body(content.id, file.path, file.size, self._world.bytes, file.bytes)

    async def _bytes(
        self, scope: Scope, receive: Receive, send: Send, body: _Body, link: FileLink, fault: Fault | None
    ) -> int:
        etag = f'"{link.content_id[:16]}-{link.index}-{body.size:x}{body.digest[:16]}"'
        headers = dict(scope["headers"])
        wanted = headers.get(b"range", b"").decode("latin-1")
        if headers.get(b"if-range", etag.encode()).decode("latin-1") != etag:
            wanted = ""
        span = _span(wanted, body.size)
        if span is None:
            refused = Answer(416, b"", [("content-range", f"bytes */{body.size}"), ("accept-ranges", "bytes")])
            await send_answer(send, refused)
            return 416
        start, stop, status = span
        if fault and fault.fault is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds or 1.0)
        if scope["method"] == "HEAD" and fault and fault.fault in {FaultKind.RESET, FaultKind.CUT, FaultKind.HANG}:
            await break_off(scope, receive, reset=True)
            return 0
        await send({"type": "http.response.start", "status": status, "headers": _headers(span, body.size, etag)})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return status
        return await self._stream(scope, receive, send, body, (start, stop, status), fault)

    async def _stream(
        self, scope: Scope, receive: Receive, send: Send, body: _Body, span: tuple[int, int, int], fault: Fault | None
    ) -> int:
        """Send the bytes; a broken transfer stops half-way."""
        start, stop, status = span
        broken = fault is not None and fault.fault in {FaultKind.RESET, FaultKind.CUT, FaultKind.HANG}
        end = start + (stop - start) // 2 if broken else stop
        transport = scope["extensions"][TRANSPORT]
        for piece in body.pieces(start, end):
            if transport.is_closing():
                return status
            async with asyncio.timeout(_STALL_SECONDS):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if broken and fault is not None:
            if fault.fault is FaultKind.HANG:
                await hang(scope, receive, fault.seconds)
            else:
                await break_off(scope, receive, reset=fault.fault is FaultKind.RESET)
            return status
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return status


def _span(wanted: str, size: int) -> tuple[int, int, int] | None:
    """First byte, byte behind the last, status; None for a range that cannot be met.

    Several ranges and foreign units are answered with the whole file, as RFC 9110 allows.
    """
    found = _RANGE.fullmatch(wanted.replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return 0, size, 200
    if not found[1]:
        length = int(found[2])
        return (max(0, size - length), size, 206) if length and size else None
    start = int(found[1])
    stop = min(size, int(found[2]) + 1) if found[2] else size
    if found[2] and int(found[2]) < start:
        return 0, size, 200
    return (start, stop, 206) if start < size else None


def _headers(span: tuple[int, int, int], size: int, etag: str) -> list[tuple[bytes, bytes]]:
    start, stop, status = span
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(stop - start),
        "accept-ranges": "bytes",
        "etag": etag,
        "content-disposition": "attachment",
    }
    if status == 206:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    return [(name.encode(), value.encode()) for name, value in headers.items()]
