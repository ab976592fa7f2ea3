"""Reads whole answer bodies within a bound: the cap counts decoded bytes, so a bomb stops as early as a large file.

Only gzip and deflate are offered to the remote side and understood. An answer in another coding was not asked for and
is refused, which bounds those codings, too.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from sluicegate.core.errors import ProtocolError

__all__ = ["ACCEPT_ENCODING", "read_body"]

ACCEPT_ENCODING: Final = "gzip, deflate"

_STEP: Final = 64 * 1024
_STEPS_PER_TURN: Final = 16
_GZIP: Final = 31
_ZLIB: Final = 15
_RAW_DEFLATE: Final = -15


async def read_body(chunks: AsyncIterator[bytes], *, coding: str, limit: int, provider: str = "") -> bytes:
    """The decoded body.

    Args:
        chunks: the bytes as they arrive.
        coding: the ``Content-Encoding`` header; empty when there is none.
        limit: most bytes of the decoded body.
        provider: goes into the errors.

    Raises:
        ProtocolError: larger than ``limit``, in a coding that was not offered, damaged or cut.
    """
    decoder = _decoder(coding.strip().lower(), provider)
    body = bytearray()
    steps = 0
    async for chunk in chunks:
        for piece in decoder.feed(chunk):
            body += piece
            if len(body) > limit:
                raise ProtocolError(f"The answer is larger than {limit} bytes.", provider=provider)
            steps += 1
            if steps % _STEPS_PER_TURN == 0:
                await asyncio.sleep(0)
    decoder.finish()
    return bytes(body)


class _Plain:
    """No coding."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def finish(self) -> None:
        """Nothing to check: the pool has compared the length."""


class _Inflate:
    """gzip (also of several members) and deflate, in steps of bounded size."""

    def __init__(self, *, gzip: bool, provider: str) -> None:
        self._gzip = gzip
        self._provider = provider
        self._stream: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        try:
            piece = b""
            # A full piece may leave output inside the decompressor although all its input is used up.
            while chunk or len(piece) == _STEP:
                if self._stream is None:
                    self._stream = zlib.decompressobj(self._window(chunk))
                piece = self._stream.decompress(chunk, _STEP)
                chunk = self._stream.unconsumed_tail
                if self._stream.eof:
                    # Further gzip members are legal (RFC 1952); whatever follows a deflate stream is not ours.
                    chunk = self._stream.unused_data.lstrip(b"\0") if self._gzip else b""
                    self._stream = None if chunk else self._stream
                yield piece
                if self._stream is None:
                    piece = b""
        except zlib.error:
            raise ProtocolError("The compressed answer is damaged.", provider=self._provider) from None

    def finish(self) -> None:
        if self._stream is not None and not self._stream.eof:
            raise ProtocolError("The compressed answer is cut.", provider=self._provider)

    def _window(self, start: bytes) -> int:
        if self._gzip:
            return _GZIP
        # "deflate" means zlib framing (RFC 9110), but servers exist that send the bare stream.
        framed = start[0] & 0x0F == 8 and (len(start) < 2 or (start[0] << 8 | start[1]) % 31 == 0)
        return _ZLIB if framed else _RAW_DEFLATE


def _decoder(coding: str, provider: str) -> _Plain | _Inflate:
    if coding in ("", "identity"):
        return _Plain()
    if coding in ("gzip", "x-gzip", "deflate"):
        return _Inflate(gzip=coding != "deflate", provider=provider)
    raise ProtocolError("The answer is compressed in a way that was not asked for.", provider=provider)
