"""What is known about spending an account's upstream calls: who goes first, what a limit allows, what is left."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, Protocol

from sluicegate.core.manifest import CallLimit

__all__ = [
    "EVERY_CALL",
    "WAITED",
    "Allowance",
    "Ledger",
    "LimitState",
    "Outlook",
    "Priority",
    "RestState",
    "Turn",
    "Waited",
]

EVERY_CALL: Final = "*"
"""The class that holds every call of an account."""


class Priority(IntEnum):
    """Who goes first; the value is also the share, in percent, of an account-wide limit that such calls may use up."""

    BACKGROUND = 70
    """Placing jobs, looking for content: may wait, and must not starve the others when there is a lot of it."""
    SYNC = 90
    """Keeping jobs in step with their transfers."""
    PLAY = 100
    """A person waits."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A published limit, and how many of its calls the one who asks may bring it up to."""

    limit: CallLimit
    count: int


@dataclass(frozen=True, slots=True)
class Turn:
    """The ledger's answer to "may I call now".

    Attributes:
        wait: seconds until it makes sense to ask again; 0 when the call may be made now.
        ticket: what a granted call is known by, to be told back when it has ended; None when nothing counts it.
        reason: why the account rests, empty when only its published limits say no.
        spare: tickets of further calls of the same class that are granted, and counted, ahead of time.
    """

    wait: float
    ticket: int | None = None
    reason: str = ""
    spare: tuple[int, ...] = ()


@dataclass(slots=True)
class Waited:
    """How long a piece of work has waited for turns, in seconds: time that no provider is to blame for."""

    seconds: float = 0.0


WAITED: Final[ContextVar[Waited | None]] = ContextVar("waited", default=None)
"""Where the work that runs now wants to have it added up."""


@dataclass(frozen=True, slots=True)
class LimitState:
    """How much of a limit is used, for people to read.

    Attributes:
        limit: the published limit.
        used: calls in the window that ends now.
        refills_at: when the oldest of them leaves the window; None when there is none.
    """

    limit: CallLimit
    used: int
    refills_at: datetime | None

    @property
    def left(self) -> int:
        """Calls that still fit."""
        return max(0, self.limit.count - self.used)


@dataclass(frozen=True, slots=True)
class RestState:
    """A class of calls that rests because the provider asked for it."""

    calls: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is left of an account's published limits, when it refills, and what rests."""

    limits: tuple[LimitState, ...]
    rests: tuple[RestState, ...]


class Ledger(Protocol):
    """Every call of every account, shared by all processes of the installation."""

    async def take(
        self, account: str, calls: str, allowances: Sequence[Allowance], *, ended: Sequence[int], ahead: int = 0
    ) -> Turn:
        """Grants one call of class ``calls`` if it fits into every allowance, and counts it.

        A granted call counts from now until its limit's time has passed since it *ended*, as nobody knows when it
        reaches the provider. ``ended`` are tickets of this account's calls that are over by now. ``ahead`` further
        calls are granted with it while less than half of every allowance is used.
        """
        ...

    async def settle(self, *, ended: Sequence[int], unused: Sequence[int]) -> None:
        """Takes back tickets of any account: of calls that are over, and of calls that were never made."""
        ...

    async def rest(self, account: str, calls: Sequence[str], seconds: float, reason: str) -> None:
        """Leaves these classes of calls alone for a while; never shortens a rest that is on."""
        ...

    async def wake(self, account: str) -> None:
        """Ends all rests of an account, as a person has changed something. Its calls stay counted."""
        ...

    async def limits(self, account: str, limits: Sequence[CallLimit]) -> tuple[LimitState, ...]:
        """What is left of each limit."""
        ...

    async def outlooks(self, accounts: Mapping[str, Sequence[CallLimit]]) -> list[Outlook]:
        """What is left of the limits of several accounts and what rests, in their order; asks the database once."""
        ...

    async def rests(self, account: str) -> tuple[RestState, ...]:
        """What rests now."""
        ...
