"""Media jobs in the database."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, Row, and_, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import AlreadyExists, Conflict, NotFound
from sluicegate.core.media_jobs import MediaJob, MediaNews, MediaOptions, MediaResult, MediaState, MediaStep
from sluicegate.core.places import ListPlace
from sluicegate.core.ports import Change
from sluicegate.db.durability import without_waiting
from sluicegate.db.media_news import ADVANCE, as_news
from sluicegate.db.notices import NOTIFY, notice
from sluicegate.db.rows import beside, columns_of, first, new, new_values, page_bounds
from sluicegate.db.schema import MEDIA_IS_ACTIVE, MEDIA_IS_ADMITTED, media_jobs

__all__ = ["MediaJobs"]

_FIXED: Final = (
    *("id", "user_id", "url", "options", "created_at", "batch_id", "updated_at", "version"),
    *("position", "priority", "host", "enqueued_at", "retry_of"),
)
"""What ``update`` leaves alone, or sets by itself."""

_ROWS: Final = 500
_TOLD: Final = 100
"""Of many jobs that are added at once, this many are announced; whoever watches reads the whole list then."""

_added = insert(media_jobs).values(new(media_jobs)).returning(media_jobs.c.id).cte("added")
_ADD: Final = select(_added.c.id, NOTIFY)
_changed = (
    update(media_jobs)
    .where(media_jobs.c.id == bindparam("job_id"), media_jobs.c.version == bindparam("old_version"))
    .values(**new(media_jobs, without=_FIXED), version=media_jobs.c.version + 1, updated_at=func.clock_timestamp())
    .returning(media_jobs.c.updated_at)
    .cte("changed")
)
_CHANGE: Final = select(_changed.c.updated_at, NOTIFY)


class MediaJobs:
    """Implements ``core.ports.MediaJobRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, job: MediaJob) -> None:
        """See the port."""
        await self._connection.execute(_ADD, new_values(_columns(job)) | notice(_change(job)))

    async def add_all(self, jobs: Sequence[MediaJob]) -> None:
        """See the port."""
        for start in range(0, len(jobs), _ROWS):
            rows = [_columns(job) for job in jobs[start : start + _ROWS]]
            await self._connection.execute(insert(media_jobs), rows)
        for change in map(_change, jobs[:_TOLD]):
            await self._connection.execute(select(NOTIFY), notice(change))

    async def get(self, job_id: UUID, *, user_id: UUID | None = None, lock: bool = False) -> MediaJob:
        """See the port."""
        statement = select(media_jobs).where(media_jobs.c.id == job_id)
        if user_id is not None:
            statement = statement.where(media_jobs.c.user_id == user_id)
        if lock:
            statement = statement.with_for_update()
        row = (await self._connection.execute(statement)).first()
        if row is None:
            raise NotFound("There is no such media job.")
        return _job(row)

    async def page(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int,
        state: MediaState | None = None,
        place: ListPlace | None = None,
    ) -> list[MediaJob]:
        """See the port. The inner query walks the index alone, as for library jobs."""
        limit, offset = page_bounds(limit, offset)
        order = (media_jobs.c.created_at.desc(), media_jobs.c.id.desc())
        there, nearest = beside(media_jobs.c.created_at, media_jobs.c.id, place)
        wanted = select(media_jobs.c.id).where(_of(user_id, state), *there).order_by(*nearest)
        wanted = wanted.limit(limit).offset(offset)
        return await self._all(select(media_jobs).where(media_jobs.c.id.in_(wanted)).order_by(*order))

    async def of_batch(self, batch_id: UUID, *, limit: int, offset: int) -> list[MediaJob]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = select(media_jobs).where(media_jobs.c.batch_id == batch_id)
        order = (media_jobs.c.position, media_jobs.c.id)
        return await self._all(statement.order_by(*order).limit(limit).offset(offset))

    async def count(self, user_id: UUID, *, state: MediaState | None = None) -> int:
        """See the port."""
        statement = select(func.count()).select_from(media_jobs).where(_of(user_id, state))
        return int((await self._connection.execute(statement)).scalar_one())

    async def update(self, job: MediaJob) -> MediaJob:
        """See the port; ``updated_at`` is set here.

        Raises:
            NotFound: the job is gone.
            AlreadyExists: another job's file is stored under this key; the transaction is lost.
        """
        after = replace(job, version=job.version + 1)
        columns = columns_of(job, without=_FIXED) | {"result": asdict(job.result)}
        values = new_values(columns) | {"job_id": job.id, "old_version": job.version}
        try:
            row = await first(self._connection, _CHANGE, values | notice(_change(after)))
        except IntegrityError as error:
            # The one rule of this table that a caller can break: a stored file belongs to one job.
            raise AlreadyExists("Another job's file has this name.") from error
        if row is None:
            await self.get(job.id)
            raise Conflict(
                "The job was changed by somebody else at the same time.", action="Read it again, then retry."
            )
        return replace(after, updated_at=row["updated_at"])

    async def advance(self, news: Sequence[MediaNews]) -> set[UUID]:
        """See the port. The next news tell more than what a power cut undoes."""
        await without_waiting(self._connection)
        rows = await self._connection.execute(ADVANCE, {"news": json.dumps(as_news(news))})
        return {row.id for row in rows}

    async def unfinished(self, *, limit: int, after: UUID | None = None, admitted: bool = False) -> list[MediaJob]:
        """See the port."""
        statement = select(media_jobs).where(MEDIA_IS_ADMITTED if admitted else MEDIA_IS_ACTIVE)
        if after is not None:
            statement = statement.where(media_jobs.c.id > after)
        return await self._all(statement.order_by(media_jobs.c.id).limit(page_bounds(limit, 0)[0]))

    async def _all(self, statement: Executable) -> list[MediaJob]:
        return [_job(row) for row in await self._connection.execute(statement)]


def _of(user_id: UUID, state: MediaState | None) -> ColumnElement[bool]:
    mine = media_jobs.c.user_id == user_id
    return mine if state is None else and_(mine, media_jobs.c.state == str(state))


def _columns(job: MediaJob) -> dict[str, Any]:
    return columns_of(job) | {"options": asdict(job.options), "result": asdict(job.result)}


def _change(job: MediaJob) -> Change:
    return Change("media_job", job.user_id, job.id, str(job.state), job.version)


def _job(row: Row[Any]) -> MediaJob:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["state"] = MediaState(values["state"])
    values["step"] = MediaStep(values["step"])
    values["options"] = MediaOptions(**_known(_OPTIONS, values["options"]))
    values["result"] = MediaResult(**_known(_RESULTS, values["result"]))
    return MediaJob(**values)


_COLUMNS: Final = tuple(column.name for column in media_jobs.c)
_OPTIONS: Final = frozenset(field.name for field in fields(MediaOptions))
_RESULTS: Final = frozenset(field.name for field in fields(MediaResult))


def _known(names: frozenset[str], kept: dict[str, Any]) -> dict[str, Any]:
    """What this version knows of what another version may have kept."""
    return kept if kept.keys() <= names else {name: value for name, value in kept.items() if name in names}
