"""Titles that were looked up, and the ready part of a user's library, in the database."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import NotFound
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import JobState
from sluicegate.core.sources import SourceKind
from sluicegate.core.titles import LibraryEntry, Title, TitleKind
from sluicegate.db.feed_schema import titles
from sluicegate.db.rows import columns_of, first, many, page_bounds
from sluicegate.db.schema import files, jobs

__all__ = ["ReadyJobs", "Titles"]

_COLUMNS = (
    jobs.c.id.label("job_id"),
    jobs.c.info_hash,
    jobs.c.source_kind,
    jobs.c.source_uri,
    jobs.c.name,
    jobs.c.size,
    jobs.c.created_at,
    jobs.c.updated_at,
)

_FILE_COLUMNS = tuple(files.c[field.name] for field in fields(JobFile))


class Titles:
    """Implements ``core.titles.TitleRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, imdb_id: str, kind: TitleKind) -> Title | None:
        """See the port."""
        statement = select(titles).where(titles.c.imdb_id == imdb_id, titles.c.kind == str(kind))
        row = await first(self._connection, statement)
        return None if row is None else Title(**{**row, "kind": TitleKind(row["kind"])})

    async def put(self, title: Title) -> None:
        """See the port."""
        values = columns_of(title)
        changed = {name: values[name] for name in ("name", "year", "fetched_at")}
        statement = insert(titles).values(**values)
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["imdb_id", "kind"], set_=changed)
        )


class ReadyJobs:
    """Implements ``core.titles.ReadyLibrary``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int = 0,
        words: tuple[str, ...] = (),
        with_files: bool = False,
        torrents_from: int | None = None,
        at_once: bool = False,
    ) -> list[LibraryEntry]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = _ready(user_id)
        for word in words:
            statement = statement.where(_says(word))
        if torrents_from is not None:
            statement = statement.where(jobs.c.source_kind == str(SourceKind.TORRENT), jobs.c.size >= torrents_from)
        if at_once:
            statement = statement.where(or_(jobs.c.missing_since.is_(None), _has_own_copy()))
        statement = statement.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit).offset(offset)
        rows = await many(self._connection, statement)
        found = await self._files([row["job_id"] for row in rows]) if with_files else {}
        return [LibraryEntry(**row, files=tuple(found.get(row["job_id"], ()))) for row in rows]

    async def get(self, user_id: UUID, job_id: UUID) -> LibraryEntry:
        """See the port."""
        row = await first(self._connection, _ready(user_id).where(jobs.c.id == job_id))
        if row is None:
            raise NotFound("There is no such ready job.")
        return LibraryEntry(**row, files=tuple((await self._files([job_id])).get(job_id, ())))

    async def _files(self, job_ids: list[UUID]) -> dict[UUID, list[JobFile]]:
        found: dict[UUID, list[JobFile]] = {}
        statement = select(*_FILE_COLUMNS).where(files.c.job_id.in_(job_ids)).order_by(files.c.job_id, files.c.index)
        for row in await many(self._connection, statement):
            found.setdefault(row["job_id"], []).append(JobFile(**row))
        return found


def _ready(user_id: UUID) -> Select[Any]:
    return select(*_COLUMNS).where(
        jobs.c.user_id == user_id, jobs.c.state == str(JobState.READY), jobs.c.removed_at.is_(None)
    )


def _has_own_copy() -> ColumnElement[bool]:
    return select(files.c.id).where(files.c.job_id == jobs.c.id, files.c.stored_key.is_not(None)).exists()


def _says(word: str) -> ColumnElement[bool]:
    in_a_path = select(files.c.id).where(files.c.job_id == jobs.c.id, files.c.path.icontains(word, autoescape=True))
    return or_(jobs.c.name.icontains(word, autoescape=True), in_a_path.exists())
