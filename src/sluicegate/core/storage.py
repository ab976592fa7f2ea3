"""The port to a place where finished bytes are kept."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

__all__ = ["Storage", "StoredObject"]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the storage tells it: ``key`` is relative and POSIX; ``etag`` is opaque and changes with content."""

    key: str
    size: int
    etag: str
    modified_at: datetime


class Storage(ABC):
    """Keeps objects under relative POSIX keys. An object appears whole or not at all.

    Every method raises ``StorageError`` subclasses only, plus ``InvalidInput`` for a key that is absolute, climbs,
    is empty, or has empty segments, control characters or backslashes.
    """

    name: ClassVar[str]

    @abstractmethod
    async def write(self, key: str, chunks: AsyncIterator[bytes], *, size: int | None) -> StoredObject:
        """Stores ``chunks`` under ``key``, replacing what was there in one step.

        Args:
            key: where.
            chunks: the bytes; consumed at the storage's own pace (back-pressure).
            size: the promised number of bytes, None when unknown.

        Raises:
            SizeMismatch: fewer or more bytes arrived than promised; nothing is visible under ``key``.
            StorageFull, StorageDenied, StorageUnavailable: nothing is visible under ``key`` either.
        """

    @abstractmethod
    async def adopt(self, key: str, path: Path, *, size: int) -> StoredObject:
        """Stores the local file at ``path`` under ``key``; the file is gone from ``path`` afterwards.

        A storage on the same file system renames; others upload, verify and then delete. Running it twice is safe:
        when ``path`` is gone and ``key`` holds ``size`` bytes, that is a success.
        """

    @abstractmethod
    async def stat(self, key: str) -> StoredObject:
        """Facts about an object.

        Raises:
            ObjectMissing: there is none.
        """

    @abstractmethod
    def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Yields bytes ``start`` (inclusive) to ``stop`` (exclusive, None for the end) in chunks of at most 1 MiB."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Deletes an object; deleting a missing one is fine."""

    def local_path(self, key: str) -> Path | None:
        """Path of the object's file when the kernel could send it directly; None for remote storages."""
        del key
        return None

    async def presign(self, key: str, *, expires_in: int) -> str | None:
        """A direct URL valid for ``expires_in`` seconds, or None when the storage cannot make one."""
        del key, expires_in
        return None

    @abstractmethod
    async def aclose(self) -> None:
        """Frees connections; idempotent."""
