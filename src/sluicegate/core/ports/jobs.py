"""Rows of library jobs, their files and their traces."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState, KeptJob
from sluicegate.core.places import ListPlace
from sluicegate.core.sources import Source
from sluicegate.core.trace import TraceEntry

__all__ = ["FileRepository", "JobRepository", "TraceRepository"]


class JobRepository(Protocol):
    """Library jobs."""

    async def add(self, job: Job, *, torrent: bytes | None = None) -> tuple[Job, bool]:
        """Adds a job, or finds the user's job with this hash that is not failed or cancelled: (job, created).

        One that was removed and is found comes back into the library.
        Two concurrent calls with one hash yield one job. ``torrent`` is the uploaded ``.torrent``.
        """
        ...

    async def get(self, job_id: UUID, *, user_id: UUID | None = None, lock: bool = False, removed: bool = False) -> Job:
        """One job; ``lock`` holds its row until the unit of work ends.

        Raises:
            NotFound: unknown, or when ``user_id`` is given: not theirs, or removed by them (unless ``removed`` is set).
        """
        ...

    async def source(self, job_id: UUID) -> Source:
        """The source as handed in, ``.torrent`` bytes included."""
        ...

    async def resource(self, job_id: UUID, uri: str) -> None:
        """Replaces the magnet of a job by one of the same hash that knows more."""
        ...

    async def page(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int,
        states: frozenset[JobState] | None = None,
        place: ListPlace | None = None,
    ) -> list[Job]:
        """Newest first, from ``place`` on when there is one."""
        ...

    async def update(self, job: Job) -> Job:
        """Writes every changeable field if ``job.version`` is still the stored one; returns it with the next version.

        Publishes the change. Raises Conflict when somebody else was faster; IllegalMove never (services check).
        """
        ...

    async def in_flight(self, provider: str, account_id: UUID | None) -> list[Job]:
        """Active jobs that have a transfer at this provider and account."""
        ...

    async def current(self, user_id: UUID, info_hash: str) -> Job | None:
        """The user's job with this hash that is not failed or cancelled."""
        ...

    async def kept(self, account_id: UUID) -> list[KeptJob]:
        """Ready jobs whose files this account keeps, as little of them as comparing with a listing needs."""
        ...

    async def advance(self, jobs: Sequence[Job]) -> int:
        """``update`` for many at once, in one statement; how many.

        Those that somebody else has changed since they were read, or that were removed, are left alone.
        """
        ...

    async def mark_missing(self, job_ids: Sequence[UUID], since: datetime, words: str) -> int:
        """Notes that a provider does not list these jobs' transfers; one that is marked already keeps its time."""
        ...

    async def mark_seen(self, job_ids: Sequence[UUID]) -> int:
        """Takes that note back; how many had it."""
        ...

    async def removed(self, user_id: UUID, *, limit: int, offset: int) -> list[Job]:
        """What a user removed and may still bring back, the last removed first."""
        ...

    async def removed_before(self, at: datetime, *, limit: int) -> list[Job]:
        """Removed jobs of anybody whose time is over, the longest removed first."""
        ...

    async def erase(self, job_id: UUID) -> None:
        """Deletes the row of a removed job with its files and trace; nothing happens to one that is not removed."""
        ...

    async def unfinished(self, *, limit: int, after: UUID | None = None) -> list[Job]:
        """Active jobs in id order, for the sweep that makes sure that each has its task."""
        ...


class FileRepository(Protocol):
    """Files of jobs."""

    async def replace(self, job_id: UUID, files: Sequence[JobFile]) -> None:
        """Makes these the job's files; a file that is already there by index keeps its id and stored copy."""
        ...

    async def page(self, job_id: UUID, *, limit: int | None = None, offset: int = 0) -> list[JobFile]:
        """In index order; all of them without a limit."""
        ...

    async def paths(self, job_id: UUID, file_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Paths of some files of a job; those it does not have are left out."""
        ...

    async def get(self, job_id: UUID, file_id: UUID) -> JobFile:
        """Raises NotFound."""
        ...

    async def stored(self, file_id: UUID, *, storage: str, key: str, size: int) -> None:
        """Notes the own copy of a file."""
        ...

    async def last_copies(self, job_id: UUID) -> list[JobFile]:
        """Files of a job with an own copy that no other job's file names; none while another fetches that hash."""
        ...

    async def stored_copies(self, info_hash: str) -> list[JobFile]:
        """Files of the newest ready torrent job of anybody with this hash, in index order; empty when not all are kept.

        A link's content may change, so only torrents are found; whose job it was must not show (record 12).
        """
        ...


class TraceRepository(Protocol):
    """Decision traces, append-only."""

    async def add(self, job_id: UUID, entry: TraceEntry) -> None:
        """Appends one entry."""
        ...

    async def page(self, job_id: UUID, *, limit: int = 500, offset: int = 0, newest: bool = False) -> list[TraceEntry]:
        """Oldest first; with ``newest`` the page is counted from the end, and is in order of time as well."""
        ...
