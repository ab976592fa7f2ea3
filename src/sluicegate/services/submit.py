"""Submitting: a source becomes one job, and a short wait lets quick outcomes answer in the same call."""

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.entitlements import NO_LIMITS, Entitlements, PlanLimits
from sluicegate.core.jobs import ACTIVE_STATES, Job, JobState
from sluicegate.core.magnets import render_magnet
from sluicegate.core.names import display_text
from sluicegate.core.ports import Changes, Clock, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.sources import Magnet, Nzb, Source, TorrentFile, WebLink
from sluicegate.core.web_links import link_hash
from sluicegate.services.source_merge import merge_source
from sluicegate.services.task_kinds import PLACE

__all__ = ["SubmitService", "source_hash"]

_PLACE_PRIORITY = 10
_ON_ITS_WAY = JobState.CACHED_HIT
"""A hit becomes ready within moments; every other change is an outcome worth answering with."""


@dataclass(frozen=True, slots=True)
class _Described:
    """The columns of a job that follow from its source."""

    info_hash: str
    uri: str
    name: str
    size: int | None
    torrent: bytes | None = None


class SubmitService:
    """Turns sources into jobs."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        changes: Changes,
        clock: Clock,
        gate: ContentGate = OPEN_GATE,
        plans: Entitlements | None = None,
    ) -> None:
        self._transactions = transactions
        self._changes = changes
        self._clock = clock
        self._gate = gate
        self._plans = plans

    async def submit(
        self, user_id: UUID, source: Source, *, patience: float, cached_in: str | None = None
    ) -> tuple[Job, bool]:
        """Finds or creates the user's job for ``source``.

        The job and its ``place`` task are committed together, so an accepted job is never forgotten.

        Args:
            user_id: the owner.
            source: already normalised.
            patience: seconds to wait for the placement's first outcome; 0 answers at once.
            cached_in: what the job says from the start; ``rss`` marks those that a feed has brought.

        Returns:
            The job, and whether this call created it. Two concurrent calls with one source give one job.

        Raises:
            ContentBlocked: the operator's blocklist names it; nobody was asked about it.
            PlanRequired: the user's plan does not include one more job, or one of this size.
        """
        await self._gate.check_source(source)
        async with self._changes.follow(user_id) as changes:
            job, created = await self._record(user_id, source, cached_in)
            if not created or patience <= 0:
                return job, created
            with contextlib.suppress(TimeoutError):  # then it is answered as it stands
                async with asyncio.timeout(patience):
                    async for change in changes:
                        if change.subject == job.id and change.version > job.version and change.state != _ON_ITS_WAY:
                            break
        async with self._transactions() as tx:
            return await tx.jobs.get(job.id), created

    async def _record(self, user_id: UUID, source: Source, cached_in: str | None) -> tuple[Job, bool]:
        described = _describe(source)
        limits = (await self._plans.of(user_id)).limits if self._plans else NO_LIMITS
        now = self._clock.now()
        job = Job(
            id=uuid4(),
            user_id=user_id,
            info_hash=described.info_hash,
            source_kind=source.kind,
            source_uri=described.uri,
            state=JobState.QUEUED,
            created_at=now,
            updated_at=now,
            name=described.name,
            size=described.size,
            cached_in=cached_in,
        )
        async with self._transactions() as tx:
            job, created = await tx.jobs.add(job, torrent=described.torrent)
            if created:
                await _check_plan(tx, job, limits)
                await tx.tasks.add(Task(PLACE, str(job.id), priority=_PLACE_PRIORITY))
            else:
                await merge_source(tx, job.id, source)
        crash_point(CrashPoint.ACCEPTED)
        return job, created


async def _check_plan(tx: UnitOfWork, job: Job, limits: PlanLimits) -> None:
    """Refuses a new job, which is counted already; the unit of work then takes it back.

    Raises:
        PlanRequired: it is one too many, or too large.
    """
    limits.check_size(job.size)
    if limits.max_concurrent_jobs:
        await tx.keys.lock(job.user_id)  # two at once would each count themselves alone
        most = limits.max_concurrent_jobs + 1
        limits.check_jobs(len(await tx.jobs.page(job.user_id, limit=most, offset=0, states=ACTIVE_STATES)))


def source_hash(source: Source) -> str:
    """The 40 hex characters under which a source is found again."""
    return _describe(source).info_hash


def _describe(source: Source) -> _Described:
    match source:
        case Magnet():
            return _Described(source.info_hash, render_magnet(source), source.name, source.size)
        case TorrentFile():
            size = sum(entry.size for entry in source.files)
            uri = render_magnet(Magnet(source.info_hash, source.info_hash_v2, source.name))
            return _Described(source.info_hash, uri, source.name, size, source.raw)
        case WebLink():
            path = urlsplit(source.url).path
            name = display_text(unquote(path.rstrip("/").rpartition("/")[2]))
            return _Described(link_hash(source.url), source.url, name, None)
        case Nzb():
            content = source.raw if source.raw is not None else (source.url or "").encode()
            return _Described(_sha1(content), source.url or "nzb:", source.name, None, source.raw)


def _sha1(content: bytes) -> str:
    """An identifier, as BitTorrent's own hashes are; nothing is protected by it."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
