"""Looks: what reading an account's listing came to, and what the brake on mass removal holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

__all__ = ["Look", "LookRepository", "Outcome"]


class Outcome(StrEnum):
    """How much of a listing was read."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some pages were read: what they tell is used, nothing is concluded about the rest."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at one account.

    Attributes:
        words: what a person should know about it, or empty.
        looked_at: when it was read last, whatever came of it.
        whole_at: when it was last read to its end.
        kept_at: when the ready jobs were last compared with it.
        listed: transfers that it showed.
        missing: jobs whose transfer the provider does not list now.
        held: jobs whose transfers vanished at once, so that nothing was marked; 0 while the brake is not on.
        held_of: of how many jobs.
        held_since: since when.
        confirmed: how many a person has confirmed.
        confirmed_until: until when that counts.
    """

    account_id: UUID
    outcome: Outcome
    looked_at: datetime
    words: str = ""
    whole_at: datetime | None = None
    kept_at: datetime | None = None
    listed: int = 0
    missing: int = 0
    held: int = 0
    held_of: int = 0
    held_since: datetime | None = None
    confirmed: int = 0
    confirmed_until: datetime | None = None


class LookRepository(Protocol):
    """Looks, one for each account."""

    async def of(self, account_ids: Sequence[UUID]) -> dict[UUID, Look]:
        """The looks of these accounts, where there has been one."""
        ...

    async def keep(self, look: Look) -> None:
        """Replaces an account's look; an account that is gone meanwhile is no error. Leaves the confirmation alone."""
        ...

    async def confirm(self, account_id: UUID, count: int, until: datetime | None) -> None:
        """Keeps what a person has confirmed; None takes it back."""
        ...

    async def overdue(self, before: datetime, *, limit: int) -> list[tuple[str, UUID]]:
        """Provider and id of usable accounts with ready jobs that nobody has looked for since ``before``."""
        ...
