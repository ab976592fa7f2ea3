"""Files of jobs in the database."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Integer, RowMapping, all_, delete, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import NotFound
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import JobState
from sluicegate.core.sources import SourceKind
from sluicegate.db.rows import columns_of, first, many, one
from sluicegate.db.schema import JOB_IS_ACTIVE, JOB_IS_LISTED, files, jobs

__all__ = ["Files"]


class Files:
    """Implements ``core.ports.FileRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def replace(self, job_id: UUID, wanted: Sequence[JobFile]) -> None:
        """See the port."""
        # One array: a parameter for each would exceed what the protocol allows for large torrents.
        kept = literal([file.index for file in wanted], ARRAY(Integer))
        gone = files.c.index != all_(kept)
        await self._connection.execute(delete(files).where(files.c.job_id == job_id, gone))
        if not wanted:
            return
        statement = insert(files)
        told = statement.excluded
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["job_id", "index"],
                set_={
                    "path": told.path,
                    "size": told.size,
                    "mime_type": told.mime_type,
                    "locator": told.locator,
                    "storage": func.coalesce(files.c.storage, told.storage),
                    "stored_key": func.coalesce(files.c.stored_key, told.stored_key),
                },
            ),
            [columns_of(file) | {"job_id": job_id} for file in wanted],
        )

    async def page(self, job_id: UUID, *, limit: int | None = None, offset: int = 0) -> list[JobFile]:
        """See the port."""
        statement = select(files).where(files.c.job_id == job_id).order_by(files.c.index).limit(limit).offset(offset)
        return [_file(row) for row in await many(self._connection, statement)]

    async def paths(self, job_id: UUID, file_ids: Sequence[UUID]) -> dict[UUID, str]:
        """See the port."""
        if not file_ids:
            return {}
        statement = select(files.c.id, files.c.path).where(files.c.job_id == job_id, files.c.id.in_(file_ids))
        return {row["id"]: row["path"] for row in await many(self._connection, statement)}

    async def get(self, job_id: UUID, file_id: UUID) -> JobFile:
        """See the port."""
        statement = select(files).where(files.c.id == file_id, files.c.job_id == job_id)
        return _file(await one(self._connection, statement, "file"))

    async def stored(self, file_id: UUID, *, storage: str, key: str, size: int) -> None:
        """See the port. Raises NotFound."""
        statement = (
            update(files)
            .where(files.c.id == file_id)
            .values(storage=storage, stored_key=key, size=size)
            .returning(files.c.id)
        )
        if await first(self._connection, statement) is None:
            raise NotFound("There is no such file.")

    async def last_copies(self, job_id: UUID) -> list[JobFile]:
        """See the port."""
        other = files.alias("other")
        shared = exists(
            select(other.c.id).where(
                other.c.job_id != files.c.job_id,
                other.c.storage == files.c.storage,
                other.c.stored_key == files.c.stored_key,
            )
        )
        own = select(jobs.c.info_hash).where(jobs.c.id == job_id).scalar_subquery()
        # Who fetches it right now may have found the copy and not noted it yet.
        coming = exists(select(jobs.c.id).where(jobs.c.info_hash == own, JOB_IS_ACTIVE))
        statement = select(files).where(files.c.job_id == job_id, files.c.stored_key.is_not(None), ~shared, ~coming)
        return [_file(row) for row in await many(self._connection, statement.order_by(files.c.index))]

    async def stored_copies(self, info_hash: str) -> list[JobFile]:
        """See the port."""
        job = (
            select(jobs.c.id)
            .where(jobs.c.info_hash == info_hash, jobs.c.state == str(JobState.READY))
            .where(jobs.c.source_kind == str(SourceKind.TORRENT), JOB_IS_LISTED)
            .order_by(jobs.c.created_at.desc())
            .limit(1)
            .scalar_subquery()
        )
        statement = select(files).where(files.c.job_id == job).order_by(files.c.index)
        found = [_file(row) for row in await many(self._connection, statement)]
        return found if all(file.stored_key is not None for file in found) else []


def _file(row: RowMapping) -> JobFile:
    return JobFile(**row)
