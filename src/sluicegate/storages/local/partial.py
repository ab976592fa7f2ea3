"""Files that are not whole yet: one locked temporary per write, so that left-overs are told from work in progress.

The writer holds an advisory lock on its temporary. The kernel drops it when the process dies, however it dies, so a
temporary that can be locked has no writer: sweeping is safe while other processes write into the same folder.
"""

import contextlib
import fcntl
import os
import secrets
from pathlib import Path

__all__ = ["Partial", "sweep"]


class Partial:
    """A locked temporary file in ``folder``. All methods block; they belong into a thread.

    The object exists before its file does, so that its owner can close it whenever a wait is cancelled.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle = -1
        self.path = folder

    def open(self) -> None:
        """Makes the file. Raises OSError."""
        self._handle, self.path = _create(self._folder)

    def append(self, chunks: list[bytes]) -> None:
        """Writes all of ``chunks``. Raises OSError."""
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._handle, view) :]

    def sync(self) -> os.stat_result:
        """Waits until everything is on disk; returns the file's facts. Raises OSError."""
        os.fsync(self._handle)
        return os.fstat(self._handle)

    def close(self) -> None:
        """Removes the temporary unless it was renamed, and frees it; idempotent."""
        if self._handle < 0:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = -1


def sweep(folder: Path) -> int:
    """Removes the temporaries in ``folder`` that nobody writes to; returns how many."""
    return sum(_remove_if_abandoned(path) for path in folder.iterdir() if path.is_file() and not path.is_symlink())


def _create(folder: Path) -> tuple[int, Path]:
    while True:
        path = folder / secrets.token_hex(12)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        # A sweep may have come between creating and locking: then this file has no name any more.
        if os.fstat(handle).st_nlink:
            return handle, path
        os.close(handle)


def _remove_if_abandoned(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):  # finished or removed meanwhile
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True
    return False
