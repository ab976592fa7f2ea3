"""The file that a download's segments are written into, each at its own place."""

import os
from pathlib import Path
from typing import Self

from sluicegate.providers.direct.threads import in_thread

__all__ = ["Part"]


class Part:
    """An open, sparse file. Writing happens in threads, so the loop never waits for the disk."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens or makes the file."""
        return await in_thread(cls, path)

    async def write(self, offset: int, content: bytes | bytearray) -> None:
        """Writes all of ``content`` at ``offset``."""
        await in_thread(self._write, offset, content)

    async def sync(self) -> None:
        """Waits until everything written is on the device."""
        await in_thread(os.fdatasync, self._descriptor)

    async def cut(self, size: int) -> None:
        """Makes the file exactly ``size`` bytes long."""
        await in_thread(os.ftruncate, self._descriptor, size)

    def close(self) -> None:
        """Closes the file; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, offset: int, content: bytes | bytearray) -> None:
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self._descriptor, rest, offset)
            offset += written
            rest = rest[written:]
