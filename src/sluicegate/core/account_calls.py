"""What became of the calls that accounts made at their providers, by day: how well an account has been over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sluicegate.core.errors import (
    HeldBack,
    ProtocolError,
    Retry,
    UpstreamError,
    UpstreamLimit,
    UpstreamUnavailable,
)

__all__ = ["AccountCallRepository", "CallDay", "CallOutcome", "CallSum", "outcome_of"]


class CallOutcome(StrEnum):
    """How one call ended."""

    ANSWERED = "answered"
    """The provider told what was asked, be it that there is no such thing."""
    LIMITED = "limited"
    """It refused for a while: too many calls, a quota, no free slot."""
    REFUSED = "refused"
    """It refused until a person changes something: the token, the plan."""
    FAILED = "failed"
    """It did not answer, broke down, or said something that cannot be read."""
    HELD = "held"
    """It was not asked: the ledger kept the call back."""


def outcome_of(error: BaseException | None) -> CallOutcome:
    """How a call ended that raised this, or nothing.

    A call that was given up counts as failed: whoever asked would have waited for an answer.
    """
    match error:
        case None:
            return CallOutcome.ANSWERED
        case HeldBack():
            return CallOutcome.HELD
        case UpstreamLimit():
            return CallOutcome.LIMITED
        case UpstreamUnavailable() | ProtocolError():
            return CallOutcome.FAILED
        case UpstreamError(retry=Retry.AFTER_CHANGE):
            return CallOutcome.REFUSED
        case UpstreamError():
            return CallOutcome.ANSWERED
        case _:
            return CallOutcome.FAILED


@dataclass(frozen=True, slots=True)
class CallSum:
    """So many calls of one account, day (UTC), class and outcome; ``calls`` is the name of the provider's method."""

    account_id: UUID
    day: date
    calls: str
    outcome: CallOutcome
    count: int


@dataclass(frozen=True, slots=True)
class CallDay:
    """What became of one account's calls on one day (UTC)."""

    day: date
    answered: int = 0
    limited: int = 0
    refused: int = 0
    failed: int = 0
    held: int = 0

    @property
    def made(self) -> int:
        """Calls that reached out to the provider."""
        return self.answered + self.limited + self.refused + self.failed

    @property
    def unwell(self) -> int:
        """Those of them that did not bring what was asked."""
        return self.limited + self.refused + self.failed


class AccountCallRepository(Protocol):
    """Daily sums of calls."""

    async def add(self, sums: Sequence[CallSum]) -> None:
        """Adds to what is kept; accounts that are gone are left out."""
        ...

    async def of_user(self, user_id: UUID, *, since: date) -> Mapping[UUID, Sequence[CallDay]]:
        """Days of a user's own accounts on which something was asked; the oldest first."""
        ...

    async def together(self, user_id: UUID, *, since: date) -> list[CallDay]:
        """As ``of_user``, all accounts added up."""
        ...

    async def of_account(self, account_id: UUID, *, since: date) -> list[CallSum]:
        """Sums of one account by class; the oldest day first."""
        ...
