"""The embedded PostgreSQL of a data folder, shared by every process that uses the folder.

Whoever comes first starts the server, the last one to leave stops it. Who is there is known from locks, not from
process ids: each member holds a shared ``flock`` on one file, which the kernel drops when the process dies, however it
dies. Starting, joining and leaving happen one at a time under a second, exclusive lock.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sluicegate.core.errors import InternalError
from sluicegate.db.cluster import Cluster, someone_elses

__all__ = ["EmbeddedPostgres"]

_LOCK_SECONDS: Final = 120.0
"""Longer than the slowest start (crash recovery), which another process may be waiting for."""


class EmbeddedPostgres:
    """Membership in the embedded server of ``home``: ``async with EmbeddedPostgres(home) as server``."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._cluster = Cluster(home)
        self._turn_file = self._cluster.home / "turn.lock"
        self._member_file = self._cluster.home / "members.lock"
        self._member: int | None = None
        self._ensuring = asyncio.Lock()

    @property
    def socket_dir(self) -> Path:
        """The folder of the server's Unix socket."""
        return self._cluster.socket_dir

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._join)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._leave))

    async def ensure_running(self) -> None:
        """Starts the server again when it is gone; cheap when it is not. Many may call this at once.

        Raises:
            InternalError: it does not start.
        """
        async with self._ensuring:
            await asyncio.to_thread(self._revive)

    def _revive(self) -> None:
        if self._member is None or self._cluster.ready():
            return
        with self._turn():
            self._cluster.start()

    def _join(self) -> None:
        with self._turn():
            member = _open(self._member_file)
            try:
                fcntl.flock(member, fcntl.LOCK_SH)
                self._cluster.start()
            except BaseException:  # nothing else closes it
                os.close(member)
                raise
            self._member = member

    def _leave(self) -> None:
        member, self._member = self._member, None
        if member is None:
            return
        try:
            with self._turn():
                fcntl.flock(member, fcntl.LOCK_UN)
                with suppress(BlockingIOError):  # others use it still
                    fcntl.flock(member, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._cluster.stop()
        finally:
            os.close(member)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Holds the exclusive lock.

        Raises:
            InternalError: another process held it for two minutes.
        """
        turn = _open(self._turn_file)
        try:
            _lock(turn)
            yield
        finally:
            os.close(turn)


def _open(path: Path) -> int:
    """A descriptor of our own, so that two members in one process count as two."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise someone_elses() from error


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise InternalError(
                    "Another process has been starting or stopping the embedded database for too long.",
                    action="Look for a hanging 'sluicegate' process that uses the same data folder.",
                ) from None
            time.sleep(0.02)
        else:
            return
