"""What the clouds have in common: a bucket as the few calls that uploading, reading and deleting need.

Each dialect translates these calls to its own protocol and its answers to core errors. It never retries: an upload that
breaks is gone on with by whoever started it.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from sluicegate.core.errors import StorageUnavailable
from sluicegate.core.storage import StoredObject, UploadedPart, UploadState

__all__ = ["MIB", "Body", "Bucket", "UploadGone"]

Body = bytes | memoryview

MIB = 1024 * 1024


class UploadGone(StorageUnavailable):
    """The storage knows no such upload any more: it was completed, aborted, or has expired."""


class Bucket(ABC):
    """One bucket or container, reached with one credential.

    Every call raises ``StorageError`` subclasses, plus ``ForbiddenAddress`` when the guard refuses the endpoint. Keys
    have passed ``check_key``.
    """

    provider: ClassVar[str]
    """``s3``, ``blob``, ``gcs`` or ``oss``: the words of the media jobs contract."""

    parts_at_once: ClassVar[int] = 4
    """Parts under way at the same time; 1 where the protocol wants them one after the other."""

    part_size: ClassVar[int] = 5 * MIB
    """The least that S3 takes; parts on their way are in memory, and larger ones cost no less processor time."""

    parts_max: ClassVar[int] = 10_000

    @abstractmethod
    async def put(self, key: str, body: bytes) -> None:
        """Stores a small object in one request that the storage checks against a hash."""

    @abstractmethod
    async def begin(self, key: str) -> str:
        """Begins an upload in parts; returns its id."""

    @abstractmethod
    async def part(self, key: str, upload_id: str, number: int, offset: int, body: Body, *, last: bool) -> str:
        """Stores one part, checked against a hash; its etag. ``body`` is used for something else afterwards.

        Raises:
            UploadGone: there is no such upload.
        """

    @abstractmethod
    async def complete(self, key: str, upload_id: str, parts: Sequence[UploadedPart], *, digest: bytes | None) -> None:
        """Makes the object of its parts, in one step. ``digest``: MD5 of the whole, where it is known.

        Raises:
            UploadGone: there is no such upload.
            SizeMismatch: the storage has other bytes than were sent; nothing is left.
        """

    @abstractmethod
    async def abort(self, key: str, upload_id: str) -> None:
        """Drops an upload and its parts; one that is gone is fine."""

    async def unfinished(self, key: str) -> list[str]:
        """Ids of the uploads to exactly ``key`` that somebody has begun; empty where the storage does not tell."""
        del key
        return []

    async def confirmed(self, key: str, state: UploadState) -> tuple[UploadedPart, ...]:
        """The parts that need not be sent again, from number 1 without a gap. Raises UploadGone."""
        del key
        kept = []
        for number, part in enumerate(sorted(state.parts, key=lambda one: one.number), 1):
            if part.number != number:
                break
            kept.append(part)
        return tuple(kept)

    @abstractmethod
    async def head(self, key: str) -> StoredObject:
        """Facts about an object. Raises ObjectMissing."""

    @abstractmethod
    def read(self, key: str, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """Yields bytes of a range that is not empty. Raises ObjectMissing."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Deletes an object; a missing one is fine."""

    @abstractmethod
    async def link(self, key: str, expires_in: int) -> str:
        """A URL that reads this one object for ``expires_in`` seconds, signed here without asking anybody."""
