"""An open file of this machine, read without blocking the event loop on a slow disk."""

import asyncio
import errno
import os
import stat as modes
from io import FileIO
from pathlib import Path
from typing import Final

from sluicegate.core.errors import ObjectMissing, SizeMismatch

__all__ = ["open_local", "read_cached", "resident"]

_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_WAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)
"""Linux: read what is in the page cache, or fail at once instead of waiting for the disk."""

_WOULD_WAIT: Final = frozenset({errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL})


def open_local(path: Path, size: int) -> FileIO:
    """Opens a complete, regular file of exactly ``size`` bytes; the caller closes it.

    Called on the event loop on purpose: whoever knows the size has just asked the file system about this file, so that
    opening it needs no disk; and a hop to a thread costs ten times as much as the call.

    Raises:
        ObjectMissing: it is not there, or not a regular file.
        SizeMismatch: it is not the file that was promised.
    """
    try:
        file = FileIO(os.open(path, _FLAGS), "rb")
    except OSError as error:
        raise ObjectMissing from error
    found = os.fstat(file.fileno())
    if modes.S_ISREG(found.st_mode) and found.st_size == size:
        return file
    file.close()
    if not modes.S_ISREG(found.st_mode):
        raise ObjectMissing
    raise SizeMismatch(f"The stored file has {found.st_size} bytes instead of {size}.")


async def read_cached(file: FileIO, offset: int, count: int) -> bytes:
    """At most ``count`` bytes at ``offset``: at once when they are cached, else in a thread."""
    if resident(file.fileno(), offset, count):
        return os.pread(file.fileno(), count, offset)
    reading = asyncio.get_running_loop().run_in_executor(None, os.pread, file.fileno(), count, offset)
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        # The thread uses the descriptor, which must not be closed and given to somebody else before it is done.
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()
        raise


def resident(file: int, offset: int, count: int) -> bool:
    """Whether both ends of a stretch are in the page cache, so that sending it will hardly wait for the disk."""
    return _byte_is_cached(file, offset) and _byte_is_cached(file, offset + count - 1)


def _byte_is_cached(file: int, offset: int) -> bool:
    if _NO_WAIT is None:
        return False
    try:
        return os.preadv(file, [bytearray(1)], offset, _NO_WAIT) == 1
    except OSError as error:
        if error.errno not in _WOULD_WAIT:
            raise
        return False
