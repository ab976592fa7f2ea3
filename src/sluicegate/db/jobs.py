"""Library jobs in the database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Executable, RowMapping, bindparam, delete, func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import Conflict, InternalError
from sluicegate.core.jobs import Job, JobState, KeptJob
from sluicegate.core.magnets import parse_magnet
from sluicegate.core.places import ListPlace
from sluicegate.core.ports import Change
from sluicegate.core.sources import Nzb, Source, SourceKind, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.db.job_news import ADVANCE, MARK_MISSING, MARK_SEEN, as_news
from sluicegate.db.notices import NOTIFY, notice
from sluicegate.db.rows import beside, columns_of, first, many, new, new_values, one, page_bounds
from sluicegate.db.schema import JOB_IS_ACTIVE, JOB_IS_CURRENT, JOB_IS_KEPT, JOB_IS_LISTED, jobs, uploads
from sluicegate.db.sync_schema import library_order

__all__ = ["Jobs", "job_of"]

_FIXED: Final = ("id", "user_id", "info_hash", "source_kind", "source_uri", "created_at", "updated_at", "version")
"""What ``update`` leaves alone, or sets by itself."""
_ADD_ROUNDS: Final = 5
"""Each round is lost only to a job that is added and over again at that very moment."""

_added = (
    insert(jobs)
    .values(new(jobs))
    .on_conflict_do_nothing(index_elements=["user_id", "info_hash"], index_where=JOB_IS_CURRENT)
    .returning(jobs.c.id)
    .cte("added")
)
_ADD: Final = select(_added.c.id, NOTIFY)
_changed = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.version == bindparam("old_version"))
    .values(**new(jobs, without=_FIXED), version=jobs.c.version + 1, updated_at=func.clock_timestamp())
    .returning(jobs.c.updated_at)
    .cte("changed")
)
_CHANGE: Final = select(_changed.c.updated_at, NOTIFY)
_CURRENT: Final = select(jobs).where(
    jobs.c.user_id == bindparam("owner"), jobs.c.info_hash == bindparam("wanted"), JOB_IS_CURRENT
)


class Jobs:
    """Implements ``core.ports.JobRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, job: Job, *, torrent: bytes | None = None) -> tuple[Job, bool]:
        """See the port. The partial unique index decides between concurrent callers: the losers read the winner's."""
        for _ in range(_ADD_ROUNDS):
            if await self._insert(job):
                if torrent is not None:
                    await self._connection.execute(plain_insert(uploads).values(job_id=job.id, raw=torrent))
                return job, True
            if (found := await self.current(job.user_id, job.info_hash)) is not None:
                return (found if found.removed_at is None else await self._bring_back(found)), False
        raise InternalError("This job comes and goes faster than it can be read.", retry_after=1.0)

    async def get(self, job_id: UUID, *, user_id: UUID | None = None, lock: bool = False, removed: bool = False) -> Job:
        """See the port."""
        statement = select(jobs).where(jobs.c.id == job_id)
        if user_id is not None:
            statement = statement.where(jobs.c.user_id == user_id)
            if not removed:
                statement = statement.where(JOB_IS_LISTED)
        if lock:
            statement = statement.with_for_update()
        return _job(await one(self._connection, statement, "job"))

    async def source(self, job_id: UUID) -> Source:
        """See the port. Raises NotFound."""
        statement = (
            select(jobs.c.source_kind, jobs.c.source_uri, jobs.c.name, uploads.c.raw)
            .outerjoin_from(jobs, uploads)
            .where(jobs.c.id == job_id)
        )
        row = await one(self._connection, statement, "job")
        uri, raw = row["source_uri"], row["raw"]
        match SourceKind(row["source_kind"]):
            case SourceKind.TORRENT:
                return parse_magnet(uri) if raw is None else parse_torrent(raw)
            case SourceKind.WEB:
                return WebLink(uri)
            case SourceKind.USENET:
                return Nzb(row["name"], raw=raw, url=uri if raw is None else None)

    async def resource(self, job_id: UUID, uri: str) -> None:
        """See the port."""
        await self._connection.execute(update(jobs).where(jobs.c.id == job_id).values(source_uri=uri))

    async def page(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int,
        states: frozenset[JobState] | None = None,
        place: ListPlace | None = None,
    ) -> list[Job]:
        """See the port. The inner query walks an index alone, so that a far page costs no reads of skipped rows."""
        limit, offset = page_bounds(limit, offset)
        order = (jobs.c.created_at.desc(), jobs.c.id.desc())
        if states is None:
            of_all = library_order.c
            there, nearest = beside(of_all.created_at, of_all.job_id, place)
            wanted = select(of_all.job_id).where(of_all.user_id == user_id, *there).order_by(*nearest)
        else:
            of_some = jobs.c.state.in_([str(state) for state in states])
            there, nearest = beside(jobs.c.created_at, jobs.c.id, place)
            wanted = select(jobs.c.id).where(jobs.c.user_id == user_id, JOB_IS_LISTED, of_some, *there)
            wanted = wanted.order_by(*nearest)
        wanted = wanted.limit(limit).offset(offset)
        return await self._all(select(jobs).where(jobs.c.id.in_(wanted)).order_by(*order))

    async def update(self, job: Job) -> Job:
        """See the port; ``updated_at`` is set here. Raises NotFound for a job that is gone."""
        after = replace(job, version=job.version + 1)
        values = new_values(columns_of(job, without=_FIXED)) | {"job_id": job.id, "old_version": job.version}
        row = await first(self._connection, _CHANGE, values | notice(_change(after)))
        if row is None:
            await self.get(job.id)
            raise Conflict(
                "The job was changed by somebody else at the same time.", action="Read it again, then retry."
            )
        return replace(after, updated_at=row["updated_at"])

    async def in_flight(self, provider: str, account_id: UUID | None) -> list[Job]:
        """See the port."""
        account = jobs.c.account_id.is_not_distinct_from(account_id)
        held = jobs.c.transfer_id != ""
        statement = select(jobs).where(jobs.c.provider == provider, account, held, JOB_IS_ACTIVE)
        return await self._all(statement.order_by(jobs.c.id))

    async def current(self, user_id: UUID, info_hash: str) -> Job | None:
        """See the port."""
        row = await first(self._connection, _CURRENT, {"owner": user_id, "wanted": info_hash})
        return None if row is None else _job(row)

    async def kept(self, account_id: UUID) -> list[KeptJob]:
        """See the port."""
        columns = (jobs.c.id, jobs.c.transfer_id, jobs.c.info_hash, jobs.c.missing_since)
        statement = select(*columns).where(jobs.c.account_id == account_id, JOB_IS_KEPT, jobs.c.transfer_id != "")
        return [KeptJob(**row) for row in await many(self._connection, statement)]

    async def advance(self, changed: Sequence[Job]) -> int:
        """See the port."""
        if not changed:
            return 0
        news = json.dumps([as_news(job) for job in changed])
        return len((await self._connection.execute(ADVANCE, {"news": news})).all())

    async def mark_missing(self, job_ids: Sequence[UUID], since: datetime, words: str) -> int:
        """See the port."""
        if not job_ids:
            return 0
        values = {"wanted": list(job_ids), "since": since, "words": words}
        return len((await self._connection.execute(MARK_MISSING, values)).all())

    async def mark_seen(self, job_ids: Sequence[UUID]) -> int:
        """See the port."""
        if not job_ids:
            return 0
        return len((await self._connection.execute(MARK_SEEN, {"wanted": list(job_ids)})).all())

    async def removed(self, user_id: UUID, *, limit: int, offset: int) -> list[Job]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = select(jobs).where(jobs.c.user_id == user_id, jobs.c.removed_at.is_not(None))
        order = (jobs.c.removed_at.desc(), jobs.c.id.desc())
        return await self._all(statement.order_by(*order).limit(limit).offset(offset))

    async def removed_before(self, at: datetime, *, limit: int) -> list[Job]:
        """See the port."""
        statement = select(jobs).where(jobs.c.removed_at < at)
        return await self._all(statement.order_by(jobs.c.removed_at, jobs.c.id).limit(page_bounds(limit, 0)[0]))

    async def erase(self, job_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(jobs).where(jobs.c.id == job_id, jobs.c.removed_at.is_not(None)))

    async def unfinished(self, *, limit: int, after: UUID | None = None) -> list[Job]:
        """See the port."""
        statement = select(jobs).where(JOB_IS_ACTIVE, JOB_IS_LISTED)
        if after is not None:
            statement = statement.where(jobs.c.id > after)
        return await self._all(statement.order_by(jobs.c.id).limit(page_bounds(limit, 0)[0]))

    async def _insert(self, job: Job) -> bool:
        values = new_values(columns_of(job)) | notice(_change(job))
        return await first(self._connection, _ADD, values) is not None

    async def _bring_back(self, job: Job) -> Job:
        """Handing in a removed source again is the plainest undo; somebody else's at the same moment is as good."""
        locked = await self.get(job.id, lock=True)
        if locked.removed_at is None:
            return locked
        return await self.update(replace(locked, removed_at=None, removed_from=None, removes_upstream=False))

    async def _all(self, statement: Executable) -> list[Job]:
        return [_job(row) for row in await many(self._connection, statement)]


def job_of(row: RowMapping) -> Job:
    """The job in a row that may hold columns of other tables as well."""
    return _job({name: row[name] for name in jobs.c.keys()})  # noqa: SIM118 - a collection, not a dictionary


def _change(job: Job) -> Change:
    return Change("job", job.user_id, job.id, str(job.state), job.version)


def _job(row: RowMapping | Mapping[str, Any]) -> Job:
    removed_from = JobState(row["removed_from"]) if row["removed_from"] else None
    words = {"state": JobState(row["state"]), "source_kind": SourceKind(row["source_kind"])}
    return Job(**{**row, **words, "removed_from": removed_from})
