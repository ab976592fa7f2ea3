"""The port to a place where finished bytes are kept."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

__all__ = ["Opener", "Storage", "StoredObject", "UploadLog", "UploadState", "UploadedPart", "VolatileLog"]

Opener = Callable[[int], AsyncIterator[bytes]]
"""Reads the bytes of one unchanging thing, from this offset to its end; called again for every attempt."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the storage tells it: ``key`` is relative and POSIX; ``etag`` is opaque and changes with content."""

    key: str
    size: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """A part of an upload that the storage has confirmed; ``number`` counts from 1."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class UploadState:
    """What an upload needs to go on after a crash.

    Attributes:
        upload_id: the storage's handle; empty from before it is asked for one until it has answered. It may grant
            access by itself.
        begun_at: aware UTC.
        parts: confirmed parts by number, maybe with gaps: several are on their way at a time.
    """

    begun_at: datetime
    part_size: int
    upload_id: str = field(default="", repr=False)
    parts: tuple[UploadedPart, ...] = ()


class UploadLog(Protocol):
    """Where an upload's state outlives the process."""

    async def load(self) -> UploadState | None:
        """The state that an earlier attempt has left, if there was one."""
        ...

    async def save(self, state: UploadState | None) -> None:
        """Keeps ``state``; None when nothing is left to go on with or to clean up."""
        ...


@dataclass(slots=True)
class VolatileLog:
    """An ``UploadLog`` for uploads that nobody else goes on with, and for storages that keep the state themselves."""

    state: UploadState | None = None

    async def load(self) -> UploadState | None:
        """Nothing at first."""
        return self.state

    async def save(self, state: UploadState | None) -> None:
        """Kept in memory, so that a failed upload can be aborted."""
        self.state = state


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

    async def send(self, key: str, source: Opener, *, size: int | None, log: UploadLog) -> StoredObject:
        """As ``write``, from a source that can be opened again: a later call with the same ``log`` goes on.

        A storage in the cloud keeps the state of a large upload in ``log`` until the object is whole. After an error
        the parts that arrived stay for the next attempt; whoever gives up calls ``abandon``.
        """
        del log
        return await self.write(key, source(0), size=size)

    async def abandon(self, key: str, log: UploadLog) -> None:
        """Removes what an unfinished ``send`` has left in the storage, and its state; idempotent."""
        del key
        await log.save(None)

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
