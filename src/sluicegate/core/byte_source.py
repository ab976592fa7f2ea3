"""The port to one file's bytes, wherever they are: on disk, in a storage, or behind an upstream's link."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sluicegate.core.storage import Storage, StoredObject

__all__ = ["ByteSource", "StoredBytes"]


class ByteSource(Protocol):
    """One readable file with the facts that an HTTP answer needs. Facts do not change during the source's life."""

    @property
    def name(self) -> str:
        """File name to offer; untrusted text, may hold anything."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes, or None when nobody knows before the end: then the file is served whole, without ranges."""
        ...

    @property
    def mime_type(self) -> str | None:
        """Media type as told, untrusted; None to go by the name."""
        ...

    @property
    def etag(self) -> str | None:
        """Opaque text without quotes that changes whenever a byte does (a strong validator), or None."""
        ...

    @property
    def modified_at(self) -> datetime | None:
        """Aware UTC time of the last change, or None."""
        ...

    @property
    def local_path(self) -> Path | None:
        """Path of the complete file when the kernel may send it directly, else None."""
        ...

    def open(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """Yields bytes ``start`` (inclusive) to ``stop`` (exclusive, None for the end), in chunks of bounded size.

        An asynchronous generator: whoever iterates it also closes it (``aclose``), which frees the upstream at once.
        Errors before the first chunk are core errors; so are later ones, and the reader then has too few bytes.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """A file that one of our storages keeps, as a ``ByteSource``."""

    storage: Storage
    object: StoredObject
    name: str
    mime_type: str | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.object.size

    @property
    def etag(self) -> str:
        """The storage's own."""
        return self.object.etag

    @property
    def modified_at(self) -> datetime:
        """The storage's own."""
        return self.object.modified_at

    @property
    def local_path(self) -> Path | None:
        """Where the storage is a folder of this machine."""
        return self.storage.local_path(self.object.key)

    def open(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """Reads through the storage."""
        return self.storage.read(self.object.key, start, stop)
