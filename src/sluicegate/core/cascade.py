"""The cascade's own values: its order, the rules by which a job moves on, and a user's conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.jobs import Job

__all__ = [
    "POOL_ORDER",
    "CascadePreferenceRepository",
    "CascadePreferences",
    "CascadeRules",
    "Group",
    "Idle",
    "PlacementRepository",
    "Stray",
]

POOL_ORDER: Final = ("premiumize", "torrin", "torbox", "realdebrid", "alldebrid")
"""The contract's order of the operator's shared accounts (library sheet, section 5.4)."""

_LOOKS: Final = 4
_LOOK_FIRST: Final = 0.5
_LOOK_LAST: Final = 60.0


class Group(StrEnum):
    """Groups of rungs; a group that the order leaves out is never asked. Own copies always come first."""

    CACHED = "cached"
    """The user's accounts that have it at once."""
    TORRIN = "torrin"
    """The user's own Torrin, which downloads for everybody's cache."""
    POOL = "pool"
    """The operator's shared accounts."""
    OWN = "own"
    """The user's accounts that would have to download it."""
    ENGINES = "engines"
    """Our own torrent engine and downloader."""


@dataclass(frozen=True, slots=True)
class CascadeRules:
    """What the operator has set. Times are seconds, 0 switches a rule off.

    Attributes:
        order: the groups that are asked, in order.
        pool_user: name of the user whose accounts are the shared pool, empty for none.
        pool_order: providers of the pool in order; others are not used.
        stalled: how long a transfer may stand still before another way is looked for.
        queued: how long it may wait for a slot at its provider.
        limited: how long a limit of the account may hold it up.
        unreachable: how long its account may be out of reach.
        dead: whether a transfer that the provider gave up on moves on; else the job fails.
        tidy: whether transfers left behind are removed at the provider once the job is ready from elsewhere.
    """

    order: tuple[Group, ...] = tuple(Group)
    pool_user: str = ""
    pool_order: tuple[str, ...] = POOL_ORDER
    stalled: float = 1_800.0
    queued: float = 3_600.0
    limited: float = 600.0
    unreachable: float = 14_400.0
    dead: bool = True
    tidy: bool = False

    @property
    def shortest(self) -> float | None:
        """The time after which a look can have consequences at the earliest; None when every rule is off."""
        return min((t for t in (self.stalled, self.queued, self.limited, self.unreachable) if t > 0), default=None)

    @property
    def every(self) -> float:
        """Seconds between two looks at jobs that stand still: several within the shortest of the times."""
        return min(max((self.shortest or _LOOK_LAST) / _LOOKS, _LOOK_FIRST), _LOOK_LAST)


@dataclass(frozen=True, slots=True)
class CascadePreferences:
    """A user's own order and conditions.

    Attributes:
        prefer: house names of providers that go first in each group, in this order; the others follow by age.
        only_cached: nothing is downloaded: only copies that are there at once are taken.
        max_size: bytes; larger content is refused. None for no limit.
        min_seeds: content that must be downloaded needs as many seeders. None for no limit.
    """

    prefer: tuple[str, ...] = ()
    only_cached: bool = False
    max_size: int | None = None
    min_seeds: int | None = None


class CascadePreferenceRepository(Protocol):
    """Preferences by user."""

    async def get(self, user_id: UUID) -> CascadePreferences:
        """The defaults where the user has set nothing."""
        ...

    async def put(self, user_id: UUID, preferences: CascadePreferences) -> None:
        """Replaces them."""
        ...


@dataclass(frozen=True, slots=True)
class Idle:
    """A placed job that has not moved for a while.

    Attributes:
        job: as it is now.
        since: when it moved last, or was placed.
        progress: of the transfer itself at the last look, None before the first; the job's own never goes back and
            may be ahead of it.
    """

    job: Job
    since: datetime
    progress: float | None


@dataclass(frozen=True, slots=True)
class Stray:
    """A place where a transfer of a job may lie that is not the one the job counts on."""

    job: Job
    provider: str
    account_id: UUID | None


class PlacementRepository(Protocol):
    """How placed jobs get on, who waits for a slot, and what was left behind."""

    async def observe(self, now: datetime) -> None:
        """Notes of every placed job whether it has moved since the last time."""
        ...

    async def idle(self, since: datetime, looked: datetime, *, local: bool, limit: int) -> list[Idle]:
        """Jobs that have not moved since then, are not moving on already and were not looked at since ``looked``.

        ``local`` chooses those of the local providers, or those of all others.
        """
        ...

    async def moved(self, job: Job, now: datetime, progress: float) -> None:
        """Notes that its transfer does move."""
        ...

    async def looked(self, job: Job, now: datetime, progress: float | None) -> None:
        """Notes a look that changed nothing, and how far the transfer was then."""
        ...

    async def leave(self, job: Job, rule: str, now: datetime) -> None:
        """Notes that another way is looked for, by this rule."""
        ...

    async def leaving(self, job: Job) -> str:
        """The rule by which another way is looked for, empty when none is."""
        ...

    async def stay(self, job: Job, now: datetime) -> None:
        """There is no other way for now: it counts anew from here."""
        ...

    async def await_slot(self, job_id: UUID, account_id: UUID, now: datetime) -> None:
        """The job would go to this account if it had a free slot."""
        ...

    async def stop_waiting(self, job_id: UUID) -> None:
        """The job waits for no slot any more."""
        ...

    async def next_waiting(self, account_id: UUID) -> UUID | None:
        """The unplaced job that has waited longest for a slot of this account."""
        ...

    async def oversized(self, *, local: bool, limit: int) -> list[Job]:
        """Placed jobs whose size, now known, is larger than their users take."""
        ...

    async def strays(self, opened: datetime, looked: datetime, *, local: bool, limit: int) -> Sequence[Stray]:
        """Open intents, older than ``opened`` and not looked at since ``looked``, at places their jobs are not at."""
        ...

    async def looked_for(self, stray: Stray, now: datetime) -> None:
        """Notes a look at a stray that must be looked at again."""
        ...
