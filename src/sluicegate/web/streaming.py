"""Sending a ``ByteSource`` over ASGI: ranges, validators, back-pressure, and an end when the client has gone.

Memory per response is a few chunks, whatever the file's size: the server's ``send`` waits while its write buffer is
above its high-water mark, and nothing is read meanwhile.
"""

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from io import FileIO
from pathlib import Path
from typing import Final

from sluicegate.core.byte_source import ByteSource
from sluicegate.core.errors import SizeMismatch, SluicegateError
from sluicegate.web.answer import Answer, Part, plan_answer
from sluicegate.web.asgi import ZERO_COPY, Receive, Scope, Send
from sluicegate.web.client_watch import STALL_SECONDS, ClientGone, ClientWatch
from sluicegate.web.local_file import open_local, read_cached

__all__ = ["send_bytes"]

_CHUNK: Final = 256 * 1024
_COPY_MAX: Final = 256 * 1024
"""Up to here reading and sending in one go is cheaper than asking the kernel to send."""

_log: Final = logging.getLogger(__name__)


async def send_bytes(source: ByteSource, scope: Scope, receive: Receive, send: Send, *, download: bool = False) -> None:
    """Answers a GET or HEAD with a source's bytes.

    Errors before the first byte are raised, so that the surface can answer in its own words; later ones end the
    response early, which every client sees as a broken transfer.

    Raises:
        SluicegateError: the source cannot be opened; nothing has been sent.
    """
    answer = plan_answer(source, scope, download=download)
    if scope["method"] == "HEAD" or source.size == 0 or not answer.parts:
        await _start(answer, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    with contextlib.suppress(ClientGone):  # nobody is left to tell
        path = source.local_path
        if path is not None and source.size is not None:
            await _send_local(path, source.size, answer, scope, receive, send)
        else:
            await _send_chunks(source, answer, receive, send)


async def _start(answer: Answer, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})


async def _more(body: bytes, send: Send) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _finish(body: bytes, send: Send) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_local(path: Path, size: int, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    file = open_local(path, size)
    try:
        if len(answer.parts) == 1 and _length(answer.parts[0]) <= _COPY_MAX:
            await _send_small(file, answer, send)
        elif ZERO_COPY in scope.get("extensions", ()):
            await _send_by_kernel(file, answer, send)
        else:
            async with ClientWatch(receive, STALL_SECONDS) as watch:
                await _start(answer, send)
                for part in answer.parts:
                    await _copy(file, part, watch, send)
                await _finish(answer.after, send)
    finally:
        file.close()


async def _send_small(file: FileIO, answer: Answer, send: Send) -> None:
    part = answer.parts[0]
    body = await read_cached(file, part.start, _length(part))
    if len(body) != _length(part):
        raise SizeMismatch("The stored file was cut short.")
    await _start(answer, send)
    await _finish(body, send)


async def _send_by_kernel(file: FileIO, answer: Answer, send: Send) -> None:
    await _start(answer, send)
    for part in answer.parts:
        if part.before:
            await _more(part.before, send)
        await send(
            {"type": ZERO_COPY, "file": file, "offset": part.start, "count": _length(part), "more_body": True},
        )
    await _finish(answer.after, send)


async def _copy(file: FileIO, part: Part, watch: ClientWatch, send: Send) -> None:
    if part.before:
        await _more(part.before, send)
    offset, stop = part.start, part.start + _length(part)
    while offset < stop:
        body = await read_cached(file, offset, min(_CHUNK, stop - offset))
        if not body:
            _log.warning("A stored file was cut short while it was being sent.")
            raise ClientGone
        offset += len(body)
        await _more(body, send)
        await watch.moved(len(body))


async def _send_chunks(source: ByteSource, answer: Answer, receive: Receive, send: Send) -> None:
    """The first chunk is awaited before the headers go out: until then an upstream's refusal can still be told."""
    started = False
    try:
        async with ClientWatch(receive, STALL_SECONDS) as watch:
            for part in answer.parts:
                async with contextlib.aclosing(_exactly(source.open(part.start, part.stop), part)) as bodies:
                    async for body in bodies:
                        if not started:
                            await _start(answer, send)
                            started = True
                        await _more(body, send)
                        await watch.moved(len(body))
            if not started:
                await _start(answer, send)
            await _finish(answer.after, send)
    except SluicegateError as error:
        if not started:
            raise
        _log.warning("A source failed while it was being sent: %s.", error.code)


async def _exactly(chunks: AsyncIterator[bytes], part: Part) -> AsyncGenerator[bytes, None]:
    """What precedes a part and then exactly its bytes; closes ``chunks``. Raises SizeMismatch when too few come."""
    before, missing = part.before, None if part.stop is None else _length(part)
    try:
        async for chunk in chunks:
            body = chunk if missing is None or len(chunk) <= missing else chunk[:missing]
            yield before + body if before else body
            before = b""
            if missing is not None:
                missing -= len(body)
                if not missing:
                    return
    finally:
        if (aclose := getattr(chunks, "aclose", None)) is not None:
            await aclose()
    if missing:
        raise SizeMismatch("The source ended before its promised size.")


def _length(part: Part) -> int:
    if part.stop is None:
        raise ValueError("a part of a file of known size has an end")
    return part.stop - part.start
