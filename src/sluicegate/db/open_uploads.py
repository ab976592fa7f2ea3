"""Uploads that are not whole yet, in the database; what they need to go on is sealed, as it may grant access."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Text, cast, delete, exists, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.destinations import Cloud, UploadRow, storage_name
from sluicegate.core.ports import Vault
from sluicegate.core.storage import UploadedPart, UploadState
from sluicegate.db.destination_schema import STORE_IS_ACTIVE, destinations, open_uploads, store_jobs
from sluicegate.db.durability import without_waiting
from sluicegate.db.rows import first, many, page_bounds
from sluicegate.db.schema import MEDIA_IS_ACTIVE, media_jobs

__all__ = ["OpenUploads"]

_KIND: Final = "upload"


class OpenUploads:
    """Implements ``core.destinations.UploadRepository``."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def find(self, destination_id: UUID, key: str) -> UploadRow | None:
        """See the port."""
        statement = select(open_uploads).where(_place(destination_id, key))
        row = await first(self._connection, statement)
        return None if row is None else self._row(row)

    async def save(self, row: UploadRow) -> None:
        """See the port. The id of an upload is on the disk before its first part; parts can be sent again."""
        if row.state.parts:
            await without_waiting(self._connection)
        kind = _kind(row.destination_id, row.key)
        changing = {
            "size": row.size,
            "sealed_state": self._vault.seal(_state_out(row.state), owner=str(row.user_id), kind=kind),
            "updated_at": row.updated_at,
        }
        fixed = {"id": row.id, "user_id": row.user_id, "destination_id": row.destination_id, "key": row.key}
        statement = insert(open_uploads).values(**fixed, **changing)
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["destination_id", "key"], set_=changing)
        )

    async def remove(self, destination_id: UUID, key: str) -> None:
        """See the port. A row that comes back is found to be over by whoever looks at it next."""
        await without_waiting(self._connection)
        await self._connection.execute(delete(open_uploads).where(_place(destination_id, key)))

    async def of(self, user_id: UUID, cloud: Cloud | None, name: str | None) -> list[UploadRow]:
        """See the port."""
        statement = (
            select(open_uploads)
            .join(destinations, destinations.c.id == open_uploads.c.destination_id)
            .where(open_uploads.c.user_id == user_id)
        )
        if cloud is not None:
            statement = statement.where(destinations.c.cloud == str(cloud))
        if name is not None:
            statement = statement.where(destinations.c.name == name)
        return self._rows(await many(self._connection, statement.limit(page_bounds(1000, 0)[0])))

    async def orphans(self, *, before: datetime, limit: int) -> list[UploadRow]:
        """See the port."""
        storage = func.concat(literal(storage_name(UUID(int=0))[:-36]), cast(open_uploads.c.destination_id, Text))
        by_media = exists().where(
            media_jobs.c.stored_key == open_uploads.c.key, media_jobs.c.storage == storage, MEDIA_IS_ACTIVE
        )
        by_store = exists().where(
            store_jobs.c.key == open_uploads.c.key,
            store_jobs.c.destination_id == open_uploads.c.destination_id,
            STORE_IS_ACTIVE,
        )
        statement = (
            select(open_uploads)
            .where(open_uploads.c.updated_at < before, ~by_media, ~by_store)
            .order_by(open_uploads.c.id)
            .limit(page_bounds(limit, 0)[0])
        )
        return self._rows(await many(self._connection, statement))

    def _rows(self, rows: Sequence[RowMapping]) -> list[UploadRow]:
        return [self._row(row) for row in rows]

    def _row(self, row: RowMapping) -> UploadRow:
        values = dict(row)
        sealed = values.pop("sealed_state")
        kind = _kind(row["destination_id"], row["key"])
        opened = self._vault.open(sealed, owner=str(row["user_id"]), kind=kind)
        return UploadRow(**values, state=_state_in(opened.reveal()))


def _place(destination_id: UUID, key: str) -> ColumnElement[bool]:
    return (open_uploads.c.destination_id == destination_id) & (open_uploads.c.key == key)


def _kind(destination_id: UUID, key: str) -> str:
    return f"{_KIND}:{destination_id}:{key}"


def _state_out(state: UploadState) -> str:
    parts = [[part.number, part.size, part.etag] for part in state.parts]
    return json.dumps([state.begun_at.isoformat(), state.part_size, state.upload_id, parts])


def _state_in(text: str) -> UploadState:
    begun_at, part_size, upload_id, parts = json.loads(text)
    return UploadState(
        datetime.fromisoformat(begun_at), part_size, upload_id, tuple(UploadedPart(*part) for part in parts)
    )
