"""Repeated requests: a request with an ``Idempotency-Key`` takes effect once, and its answer is given again."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

__all__ = ["CURRENT_ATTEMPT", "Attempt", "KeptAnswer", "RepeatRepository"]

CURRENT_ATTEMPT: Final[ContextVar[UUID | None]] = ContextVar("sluicegate_current_attempt", default=None)
"""The attempt that this piece of work belongs to: a unit of work that writes anything marks it in the same transaction,
so that after a crash it is known whether the request had taken effect."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given; ``sealed`` holds its headers and body, which may be secret."""

    status: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The first request with its key.

    Attributes:
        owner: who sent it: the user's id, or a fingerprint of the credential where there is no user.
        route: method and path.
        fingerprint: of the whole request; another one under the same key is a mistake of the client.
        held_until: the process that runs it says so until then, and again and again while it runs.
        effective: something has been written on its behalf.
        answer: what was answered, once it was.
    """

    id: UUID
    owner: str
    key: str
    route: str
    fingerprint: bytes = field(repr=False)
    created_at: datetime
    held_until: datetime
    user_id: UUID | None = None
    effective: bool = False
    answer: KeptAnswer | None = None


class RepeatRepository(Protocol):
    """Requests that carried a key, for a day."""

    async def begin(self, attempt: Attempt) -> tuple[Attempt, bool]:
        """Keeps an attempt, or finds the one that is there: (attempt, whether it is this one)."""
        ...

    async def find(self, attempt_id: UUID) -> Attempt | None:
        """The attempt as it is now."""
        ...

    async def take_over(self, attempt_id: UUID, *, now: datetime, until: datetime) -> bool:
        """Takes an attempt whose process is gone; False when somebody holds it or it is answered."""
        ...

    async def hold(self, attempt_id: UUID, until: datetime) -> None:
        """Says that it still runs."""
        ...

    async def answer(self, attempt_id: UUID, answer: KeptAnswer) -> None:
        """Keeps the answer."""
        ...

    async def forget(self, attempt_id: UUID) -> None:
        """The request may be sent again as if it had never come."""
        ...

    async def forget_before(self, before: datetime) -> int:
        """Deletes what is older; returns how many."""
        ...
