"""A storage in this process's memory: the twin that tests use, with a capacity that can run out."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from sluicegate.core.errors import InvalidInput, ObjectMissing, SizeMismatch, StorageFull
from sluicegate.core.storage import Storage, StoredObject
from sluicegate.core.storage_keys import check_key

__all__ = ["MemoryStorage"]

_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    content: bytes
    facts: StoredObject


class MemoryStorage(Storage):
    """Objects in a dictionary.

    Args:
        capacity: bytes in all objects together, None for no limit; beyond it writes raise ``StorageFull``.
    """

    name: ClassVar[str] = "memory"

    def __init__(self, capacity: int | None = None) -> None:
        self._entries: dict[str, _Entry] = {}
        self._capacity = capacity
        self._versions = itertools.count(1)

    async def write(self, key: str, chunks: AsyncIterator[bytes], *, size: int | None) -> StoredObject:
        """See the port."""
        check_key(key)
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if size is not None and len(content) > size:
                break
            self._check_room(key, len(content))
        if size is not None and len(content) != size:
            raise SizeMismatch(f"{size} bytes were promised, {len(content)} or more arrived.")
        return self._put(key, bytes(content))

    async def adopt(self, key: str, path: Path, *, size: int) -> StoredObject:
        """See the port."""
        check_key(key)
        try:
            content = await asyncio.to_thread(_read_file, path)
        except FileNotFoundError as error:
            return self._adopted_before(key, size, error)
        if len(content) != size:
            raise SizeMismatch(f"{size} bytes were promised, the file has {len(content)}.")
        self._check_room(key, size)
        facts = self._put(key, content)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return facts

    async def stat(self, key: str) -> StoredObject:
        """See the port."""
        return self._entry(key).facts

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """See the port."""
        if start < 0:
            raise InvalidInput("A read starts at byte 0 or later.", field="start")
        content = self._entry(key).content
        end = len(content) if stop is None else min(stop, len(content))
        for offset in range(start, end, _CHUNK):
            yield content[offset : min(offset + _CHUNK, end)]

    async def delete(self, key: str) -> None:
        """See the port."""
        check_key(key)
        self._entries.pop(key, None)

    async def aclose(self) -> None:
        """Forgets everything."""
        self._entries.clear()

    def _entry(self, key: str) -> _Entry:
        check_key(key)
        try:
            return self._entries[key]
        except KeyError:
            raise ObjectMissing from None

    def _put(self, key: str, content: bytes) -> StoredObject:
        facts = StoredObject(key, len(content), f"v{next(self._versions)}", datetime.now(UTC))
        self._entries[key] = _Entry(content, facts)
        return facts

    def _adopted_before(self, key: str, size: int, cause: FileNotFoundError) -> StoredObject:
        entry = self._entries.get(key)
        if entry is None or entry.facts.size != size:
            raise ObjectMissing("The file to adopt is gone, and the storage does not hold it.") from cause
        return entry.facts

    def _check_room(self, key: str, needed: int) -> None:
        if self._capacity is None:
            return
        others = sum(entry.facts.size for kept, entry in self._entries.items() if kept != key)
        if others + needed > self._capacity:
            raise StorageFull


def _read_file(path: Path) -> bytes:
    if path.is_symlink():
        raise InvalidInput("Only a regular file can be adopted.", field="path")
    return path.read_bytes()
