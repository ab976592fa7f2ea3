"""The disk below the engine: whether there is room, and making finished files safe."""

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

__all__ = ["Disk", "amount"]


class Disk:
    """One disk with a reserve of bytes that stays free. Syncing happens in one thread of its own."""

    FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
    """System errors that say that there is no room."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="sync")

    @property
    def room(self) -> int:
        """Bytes that may still be written, negative when the reserve is touched."""
        return shutil.disk_usage(self._folder).free - self._reserve

    @property
    def capacity(self) -> int:
        """Bytes that could be written if the disk were empty."""
        return shutil.disk_usage(self._folder).total - self._reserve

    @staticmethod
    def occupied(paths: Iterable[Path]) -> int:
        """Bytes that these files take on disk now; sparse parts do not count."""
        blocks = 0
        for path in paths:
            try:
                blocks += path.lstat().st_blocks
            except OSError:
                continue
        return blocks * 512

    def secure(self, files: dict[Path, int], done: Callable[[list[Path]], None]) -> None:
        """Writes files through to the device, in the background.

        Args:
            files: promised size by path; empty files are made if they are missing.
            done: called in the background thread with the files that are missing or have another size.
        """
        self._syncing.submit(lambda: done([path for path, size in files.items() if not _secured(path, size)]))

    def close(self) -> None:
        """Waits for what is being synced."""
        self._syncing.shutdown(wait=True, cancel_futures=True)


def amount(count: int) -> str:
    """Bytes for people: ``3.2 GiB``."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _secured(path: Path, size: int) -> bool:
    flags = os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT if size == 0 else 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError:
        return False
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size == size
    except OSError:
        return False
    finally:
        os.close(descriptor)
