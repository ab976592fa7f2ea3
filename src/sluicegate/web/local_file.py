"""An open file of this machine, read without blocking the event loop on a slow disk."""

import asyncio
import contextlib
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


async def open_local(path: Path, size: int) -> FileIO:
    """Opens a complete, regular file of exactly ``size`` bytes; the caller closes it.

    Raises:
        ObjectMissing: it is not there, or not a regular file.
        SizeMismatch: it is not the file that was promised.
    """
    opening = asyncio.get_running_loop().run_in_executor(None, _open, path, size)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise


async def read_cached(file: FileIO, offset: int, count: int) -> bytes:
    """At most ``count`` bytes at ``offset``: at once when they are cached, else in a thread."""
    if _NO_WAIT is not None:
        buffer = bytearray(count)
        with contextlib.suppress(OSError):
            # A short count means that the rest is not cached: the thread reads it all, rather than two halves.
            if os.preadv(file.fileno(), [buffer], offset, _NO_WAIT) == count:
                return bytes(buffer)
    return await asyncio.get_running_loop().run_in_executor(None, os.pread, file.fileno(), count, offset)


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


def _open(path: Path, size: int) -> FileIO:
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


def _close_unwanted(opening: "asyncio.Future[FileIO]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
