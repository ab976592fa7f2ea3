"""Reading one regular file by position."""

import os
import stat as modes
from collections.abc import Callable

from sluicegate.core.errors import ObjectMissing

__all__ = ["READ_FLAGS", "Reader"]

READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""No link is followed; and opening a FIFO that somebody put there does not wait for its other end."""


class Reader:
    """A file that ``opener`` opens; ``open`` and ``read`` block and belong into a thread.

    The object exists before its file is open, so that its owner can close it whenever a wait is cancelled.
    """

    def __init__(self, opener: Callable[[], int]) -> None:
        self._opener = opener
        self._handle = -1

    def open(self) -> None:
        """Opens the file. Raises OSError; ObjectMissing when it is not a regular file."""
        self._handle = self._opener()
        if not modes.S_ISREG(os.fstat(self._handle).st_mode):
            raise ObjectMissing

    def read(self, count: int, offset: int) -> bytes:
        """At most ``count`` bytes at ``offset``; empty at the end. Raises OSError."""
        return os.pread(self._handle, count, offset)

    def close(self) -> None:
        """Closes the file; idempotent."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
