"""Sending a span of a file from the page cache to a TCP socket without copying it through this process (sendfile)."""

import asyncio
import os
import socket
from typing import Final

from sluicegate.web.local_file import resident

__all__ = ["FileSending", "SendingStalled"]

_SLICE: Final = 1024 * 1024
"""Bytes in one call: small enough that one fast client does not keep the loop from the others."""


class SendingStalled(Exception):
    """The client reads nothing any more."""


class FileSending:
    """One span on its way into one socket.

    It works on a duplicate of the server's socket: the duplicate stays valid while a call uses it, even when the
    transport is closed meanwhile and its descriptor is given to another connection, and an event loop accepts a
    watcher for it (uvloop refuses one for a transport's own). Nothing may be waiting in the transport's write buffer.
    """

    def __init__(self, connection: socket.socket, file: int, offset: int, count: int, stall_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = os.dup(connection.fileno())
        self._file = file
        self._offset = offset
        self._left = count
        self._stall_seconds = stall_seconds
        self._stopped = False
        self._waiter: asyncio.Future[None] | None = None

    async def run(self) -> int:
        """Sends everything, or until ``stop``; returns the bytes not sent (the file ended, or the client has gone).

        Raises:
            SendingStalled: nothing could be sent for the whole stall time.
        """
        try:
            while self._left and not self._stopped:
                if not await self._send_slice():
                    break
                if self._left:
                    await self._until_writable()
        except (ConnectionError, BrokenPipeError):
            self._stopped = True
        finally:
            os.close(self._descriptor)
        return self._left

    def stop(self) -> None:
        """The client has gone: ends ``run`` soon."""
        self._stopped = True
        self._wake()

    async def _send_slice(self) -> bool:
        """False at the end of the file."""
        count = min(self._left, _SLICE)
        try:
            if resident(self._file, self._offset, count):
                sent = os.sendfile(self._descriptor, self._file, self._offset, count)
            else:
                sent = await self._send_from_disk(count)
        except BlockingIOError:
            return True
        self._offset += sent
        self._left -= sent
        return sent > 0

    async def _send_from_disk(self, count: int) -> int:
        """The kernel reads the disk within sendfile, so this call goes to a thread, and reading ahead is begun."""
        os.posix_fadvise(self._file, self._offset, 4 * _SLICE, os.POSIX_FADV_WILLNEED)
        call = self._loop.run_in_executor(None, os.sendfile, self._descriptor, self._file, self._offset, count)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            # The thread uses both descriptors: they must not be closed, and given to somebody else, before it is done.
            await asyncio.wait([call])
            if not call.cancelled():
                call.exception()
            raise

    async def _until_writable(self) -> None:
        self._waiter = self._loop.create_future()
        self._loop.add_writer(self._descriptor, self._wake)
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._waiter
        except TimeoutError:
            raise SendingStalled from None
        finally:
            self._loop.remove_writer(self._descriptor)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
