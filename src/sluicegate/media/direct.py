"""Plain media files, fetched by this process itself: no child, no disk, thousands of bytes of memory each.

A page needs a reader, a file does not: its bytes go from the host straight to the storage, at the slower one's pace.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

from sluicegate.core.errors import ConnectionFailed, SluicegateError, UpstreamUnavailable
from sluicegate.core.media import DirectFile
from sluicegate.core.names import content_disposition_name, safe_segment
from sluicegate.media.heads import HeadStreams, streams_of
from sluicegate.media.sniff import HEAD_BYTES, container_of
from sluicegate.net.http import Http, StreamedAnswer

__all__ = ["DirectReader", "DirectSource"]

_FIRST_SECONDS: Final = 30.0
_IDLE_SECONDS: Final = 60.0
_TRIES: Final = 6
"""In a row without a single new byte."""
_LONGEST_PAUSE: Final = 8.0
_SPAN: Final = re.compile(r"bytes (\d+)-\d+/(\d+)")


class DirectSource:
    """One file whose first bytes have arrived. ``read`` may be called again, from any byte.

    Attributes:
        file: what it is.
        name: what the host or the address calls it, as one safe segment without its extension; "" without a name.
        version: a strong validator, None without one.
        streams: what its first bytes tell.
        ranges: the host sends parts of it.
        retries: requests that had to be repeated.
        received: bytes so far, of all calls together.
        waited: seconds spent waiting for the host.
    """

    def __init__(self, http: Http, answer: StreamedAnswer, chunks: AsyncIterator[bytes], head: bytes) -> None:
        size = answer.headers.get("content-length") or ""
        self.file = DirectFile(answer.url, container_of(head) or "", int(size) if size.isdecimal() else None)
        self.name = _name(answer)
        self.streams: HeadStreams = streams_of(self.file.container, head)
        self.ranges = (answer.headers.get("accept-ranges") or "").strip().lower() == "bytes"
        self.retries = 0
        self.received = 0
        self.waited = 0.0
        self._http = http
        self._head = head
        self._first: AsyncIterator[bytes] | None = chunks
        self.version = _validator(answer)

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to the end; a broken connection is mended where the host allows it.

        Raises:
            UpstreamError: it cannot be mended, or the file has changed meanwhile.
        """
        done, failures = start, 0
        while True:
            before = done
            try:
                async for chunk in self._attempt(done):
                    done += len(chunk)
                    self.received += len(chunk)
                    yield chunk
                if self.file.size is None or done >= self.file.size:
                    return
                raise ConnectionFailed("The host sent fewer bytes than it promised.")
            except UpstreamUnavailable:
                failures = 1 if done > before else failures + 1
                if failures >= _TRIES or self.file.size is None:
                    raise
                self.retries += 1
                await asyncio.sleep(min(0.5 * 2 ** (failures - 1), _LONGEST_PAUSE))

    async def _attempt(self, start: int) -> AsyncIterator[bytes]:
        if start == 0 and self._first is not None:
            rest, self._first = self._first, None
            yield self._head
            async for chunk in self._timed(rest):
                yield chunk
            return
        self._first = None
        headers = [("range", f"bytes={start}-")]
        if self.version:
            headers.append(("if-range", self.version))
        async with self._http.stream("GET", self.file.url, headers=headers, idle_timeout=_IDLE_SECONDS) as answer:
            self._check(answer, start)
            async for chunk in self._timed(answer.chunks()):
                yield chunk

    async def _timed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same bytes; how long they let themselves be waited for is added up."""
        began = time.monotonic()
        async for chunk in chunks:
            self.waited += time.monotonic() - began
            yield chunk
            began = time.monotonic()

    def _check(self, answer: StreamedAnswer, start: int) -> None:
        span = _SPAN.fullmatch(answer.headers.get("content-range") or "")
        if answer.status >= 500:
            raise ConnectionFailed(f"The host answered {answer.status}.")
        if answer.status == 200 and start == 0:
            return
        same = span is not None and int(span[1]) == start and int(span[2]) == self.file.size
        if answer.status != 206 or not same:
            # Not a fault that passes: the next try of the job looks at the file afresh.
            raise ConnectionFailed("The host does not continue this file, or has another one there now.")


class DirectReader:
    """Opens addresses that may be plain media files."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[DirectSource | None]:
        """The file behind ``url``, or None when it is anything else or unreadable: the page reader says why."""
        async with AsyncExitStack() as stack:
            source: DirectSource | None = None
            try:
                async with asyncio.timeout(_FIRST_SECONDS):
                    answer = await stack.enter_async_context(self._http.stream("GET", url, idle_timeout=_IDLE_SECONDS))
                    chunks = answer.chunks()
                    head = await _head(chunks) if answer.status == 200 else b""
                if container_of(head) is not None:
                    source = DirectSource(self._http, answer, chunks, head)
            except (SluicegateError, TimeoutError):
                source = None
            if source is None:
                await stack.aclose()
            yield source

    async def looks_like_page(self, url: str) -> bool:
        """True for HTML and for feeds, in which a collection may be; False for everything else."""
        try:
            async with (
                asyncio.timeout(_FIRST_SECONDS),
                self._http.stream("GET", url, idle_timeout=_FIRST_SECONDS) as answer,
            ):
                head = await _head(answer.chunks()) if answer.status == 200 else b""
        except (SluicegateError, TimeoutError):
            return False
        return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


async def _head(chunks: AsyncIterator[bytes]) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES:
        chunk = await anext(chunks, b"")
        if not chunk:
            break
        head += chunk
    return head


def _name(answer: StreamedAnswer) -> str:
    told = content_disposition_name(answer.headers.get("content-disposition") or "")
    last = told or safe_segment(unquote(urlsplit(answer.url).path.rpartition("/")[2]), fallback="")
    stem, dot, _ = last.rpartition(".")
    return stem if dot and stem else last


def _validator(answer: StreamedAnswer) -> str | None:
    """A strong one (RFC 9110, section 8.8.1)."""
    tag = answer.headers.get("etag") or ""
    return tag if tag.startswith('"') else answer.headers.get("last-modified")
