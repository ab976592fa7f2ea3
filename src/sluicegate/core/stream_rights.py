"""Who may go on reading: a link's job must still be ready and its user's, and the key it was made with still valid."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

__all__ = ["StreamRightRepository"]


class StreamRightRepository(Protocol):
    """What still stands, of what open streams lean on. Every call is one query, whatever the number of streams."""

    async def keys(self, key_ids: Collection[UUID]) -> set[UUID]:
        """Those that are valid now."""
        ...

    async def jobs(self, job_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
        """Those that are ready, each behind its user."""
        ...

    async def media_jobs(self, job_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
        """The same for media jobs that are complete."""
        ...
