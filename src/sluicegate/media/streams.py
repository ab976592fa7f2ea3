"""The standard streams of a child that another process starts for us: pipes, our ends as asyncio's streams."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

__all__ = ["Streams", "opened_streams"]


@dataclass(frozen=True, slots=True)
class Streams:
    """Our ends of a child's standard input, output and error output, and the three descriptors that are its own.

    Attributes:
        transports: of our ends; closed when the child is done with.
    """

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    theirs: tuple[int, int, int]
    transports: tuple[asyncio.BaseTransport, ...]

    def close(self) -> None:
        """Closes our ends, whatever was not read of them."""
        for transport in self.transports:
            transport.close()


@asynccontextmanager
async def opened_streams(longest_line: int) -> AsyncIterator[Streams]:
    """Makes them. Inside the block the child's ends are given away; after it they are closed here.

    Ours belong to the caller when the block ends in order.

    Raises:
        OSError: no descriptors are left.
    """
    with contextlib.ExitStack() as given, contextlib.ExitStack() as ours:
        pipes = [_pipe(given, ours, mine) for mine in ("wb", "rb", "rb")]
        (stdin_end, feed), (stdout_end, output), (stderr_end, complaint) = pipes
        stdin, in_transport = await _writer(feed)
        stdout, out_transport = await _reader(output, longest_line)
        stderr, err_transport = await _reader(complaint, longest_line)
        transports = (in_transport, out_transport, err_transport)
        streams = Streams(stdin, stdout, stderr, (stdin_end, stdout_end, stderr_end), transports)
        ours.pop_all()
        try:
            yield streams
        except BaseException:
            streams.close()
            raise


def _pipe(given: contextlib.ExitStack, ours: contextlib.ExitStack, mode: str) -> tuple[int, IO[bytes]]:
    """The child's end of a new pipe, and ours as a file."""
    ends = os.pipe()
    mine, theirs = reversed(ends) if mode == "wb" else ends
    given.callback(os.close, theirs)
    return theirs, ours.enter_context(os.fdopen(mine, mode, buffering=0))


async def _reader(pipe: IO[bytes], longest_line: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader(limit=longest_line)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    return reader, transport


async def _writer(pipe: IO[bytes]) -> tuple[asyncio.StreamWriter, asyncio.BaseTransport]:
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())  # for its flow control; nothing is read
    transport, _ = await loop.connect_write_pipe(lambda: protocol, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop), transport
