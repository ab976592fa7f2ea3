"""Where a process of this data folder answers: told in a file for as long as the process lives, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["ToldAddress", "server_address"]

_LOCK: Final = "lock"
_ADDRESS: Final = "address"


class ToldAddress:
    """An address in a folder, and a lock that the kernel frees with the process that tells it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Inside the block nobody else tells an address here; False when somebody does already."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._take(fcntl.LOCK_EX)
        if lock is None:
            yield False
            return
        try:
            (self._folder / _ADDRESS).unlink(missing_ok=True)
            yield True
        finally:
            os.close(lock)

    def tell(self, url: str) -> None:
        """Writes it so that a reader sees all of it or nothing."""
        draft = (self._folder / _ADDRESS).with_suffix(".new")
        draft.write_text(url + "\n", "ascii")
        draft.replace(self._folder / _ADDRESS)

    def read(self) -> str | None:
        """The address, or None when nobody answers there now."""
        if not (self._folder / _LOCK).exists():
            return None
        lock = self._take(fcntl.LOCK_SH)
        if lock is not None:
            os.close(lock)
            return None
        try:
            return (self._folder / _ADDRESS).read_text("ascii").strip() or None
        except FileNotFoundError:
            return None

    def _take(self, kind: int) -> int | None:
        handle = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle


def server_address(data_dir: Path) -> ToldAddress:
    """Where the server of this data folder answers, whatever port it has found free."""
    return ToldAddress(data_dir / "server")
