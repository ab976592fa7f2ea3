"""News of what has changed, over all processes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

__all__ = ["Change", "Changes"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something a user sees has changed: enough to refetch it, never the thing itself.

    Attributes:
        kind: ``job`` or ``media_job``.
        state: the state's wire word after the change.
    """

    kind: str
    user_id: UUID
    subject: UUID
    state: str
    version: int


class Changes(Protocol):
    """The installation's change feed, over all processes (PostgreSQL NOTIFY)."""

    def follow(self, user_id: UUID) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Follows one user's changes from now on; the buffer is bounded and drops the oldest change when full."""
        ...
