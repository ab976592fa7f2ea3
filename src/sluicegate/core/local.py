"""The port to transfers that finish as files on this machine's own disk.

``swarm`` and ``direct`` need no account: they download into the data folder of our worker. When such a transfer is
READY, the ``store`` task collects its files, moves each into a storage with ``Storage.adopt`` and then releases the
transfer. Every step can run twice, so a crash between any two of them loses and repeats nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

__all__ = ["LocalFile", "LocalFiles"]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One finished file.

    Attributes:
        index: as in ``RemoteFile``.
        path: as in ``RemoteFile``: relative, POSIX, safe; what the user sees.
        location: absolute path on this machine; its name means nothing and is not for showing.
        size: bytes, exact.
    """

    index: int
    path: str
    location: Path
    size: int


@runtime_checkable
class LocalFiles(Protocol):
    """What a provider offers beside ``Provider`` when its transfers end on our own disk."""

    async def collect(self, transfer_id: str) -> tuple[LocalFile, ...]:
        """The finished files of a READY transfer, which nothing here touches from now on.

        May be called again after some of the files have been moved away: the answer stays the same until ``release``.

        Raises:
            TransferMissing: there is no such transfer.
            TransferNotReady: it has not finished.
            TransferFailed: it never will.
        """
        ...

    async def release(self, transfer_id: str) -> None:
        """Forgets the transfer and removes whatever is left of it on disk; one that is not there is fine."""
        ...
