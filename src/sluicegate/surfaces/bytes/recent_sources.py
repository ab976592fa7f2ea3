"""Sources that were opened a moment ago: a player's burst of range requests asks the service once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from sluicegate.core.byte_source import ByteSource
from sluicegate.web.signing import Grant

__all__ = ["FRESH_SECONDS", "RecentSources"]

FRESH_SECONDS: Final = 1.0
"""For so long at most a right that was withdrawn unseen still opens new responses; ``forget`` ends it at once."""

_ENTRIES_MAX: Final = 1024
_Key = tuple[UUID, str, UUID, str, UUID | None]


class RecentSources:
    """A small cache in front of the service, with one question at a time for each file. Errors are not kept."""

    def __init__(self, open_source: Callable[[Grant], Awaitable[ByteSource]], *, fresh: float = FRESH_SECONDS) -> None:
        self._open = open_source
        self._fresh = fresh
        self._entries: dict[_Key, tuple[float, asyncio.Task[ByteSource]]] = {}

    async def get(self, grant: Grant) -> ByteSource:
        """The source behind a grant; raises what the service raises."""
        key = (grant.user_id, grant.job_kind, grant.job_id, grant.file_id, grant.key_id)
        opened_at, task = self._entries.get(key, (0.0, None))
        if task is None or (task.done() and (_failed(task) or time.monotonic() - opened_at > self._fresh)):
            task = self._start(key, grant)
        return await asyncio.shield(task)

    def forget(self, user_id: UUID) -> None:
        """Drops what was opened for a user: rights have changed."""
        for key in [key for key in self._entries if key[0] == user_id]:
            del self._entries[key]

    def _start(self, key: _Key, grant: Grant) -> asyncio.Task[ByteSource]:
        self._entries.pop(key, None)
        while len(self._entries) >= _ENTRIES_MAX:
            del self._entries[next(iter(self._entries))]
        # A task of its own: when the first client to ask goes away, the others still get their answer.
        task = asyncio.create_task(self._ask(grant))
        self._entries[key] = (time.monotonic(), task)
        return task

    async def _ask(self, grant: Grant) -> ByteSource:
        return await self._open(grant)


def _failed(task: asyncio.Task[ByteSource]) -> bool:
    return task.cancelled() or task.exception() is not None
