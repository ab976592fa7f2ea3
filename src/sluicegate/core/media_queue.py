"""Which media jobs may work now: places at work, shared between users and hosts."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

__all__ = ["Candidate", "MediaQueueRepository", "Places", "choose"]


@dataclass(frozen=True, slots=True)
class Places:
    """How many jobs work at the same time.

    Attributes:
        total: in all.
        per_user: of one user, unless the operator has set another figure for this user.
        per_host: fetched from one host.
    """

    total: int
    per_user: int
    per_host: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that waits for a place; ``limit`` is its user's own figure, None when there is none."""

    id: UUID
    user_id: UUID
    host: str
    limit: int | None = None


class MediaQueueRepository(Protocol):
    """The queue of media jobs; it is the rows themselves."""

    async def lock(self) -> None:
        """Lets one unit of work at a time give out places, until it ends."""
        ...

    async def busy(self) -> list[tuple[UUID, str, int]]:
        """Jobs at work: user, host and how many."""
        ...

    async def waiting(self, now: datetime, *, each: int, not_hosts: Collection[str]) -> list[Candidate]:
        """The first ``each`` jobs in line of every user, without those of the hosts named."""
        ...

    async def admit(self, job_ids: Sequence[UUID], now: datetime) -> None:
        """Gives them places."""
        ...

    async def over(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these are over, or gone."""
        ...


def choose(waiting: Sequence[Candidate], busy: Sequence[tuple[UUID, str, int]], places: Places) -> list[Candidate]:
    """Who gets the free places: always the next in line of the user with the fewest jobs at work.

    Nobody's long list keeps another user waiting, and no host gets more connections than it should.
    """
    users: Counter[UUID] = Counter()
    hosts: Counter[str] = Counter()
    for user_id, host, count in busy:
        users[user_id] += count
        hosts[host] += count
    lines: dict[UUID, list[Candidate]] = {}
    for candidate in waiting:
        lines.setdefault(candidate.user_id, []).append(candidate)
    free = places.total - users.total()
    chosen: list[Candidate] = []
    while free > 0 and lines:
        user_id = min(lines, key=lambda user: users[user])
        found = _next(lines[user_id], users[user_id], hosts, places)
        if found is None:
            del lines[user_id]
            continue
        lines[user_id].remove(found)
        users[user_id] += 1
        hosts[found.host] += 1
        chosen.append(found)
        free -= 1
    return chosen


def _next(line: Sequence[Candidate], at_work: int, hosts: Counter[str], places: Places) -> Candidate | None:
    for candidate in line:
        limit = places.per_user if candidate.limit is None else min(candidate.limit, places.total)
        if at_work >= limit:
            return None
        if hosts[candidate.host] < places.per_host:
            return candidate
    return None
