"""Keys that we issued, in the database: a fingerprint to recognise each, never the key itself."""

import hmac
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.keys import Key, KeyKind
from sluicegate.db.rows import columns_of, first, many, one, page_bounds
from sluicegate.db.schema import keys, users

__all__ = ["Keys"]

_TOUCH_EVERY: Final = timedelta(minutes=1)
"""A busy key would otherwise cost one write per request."""
_COLUMNS: Final = tuple(column for column in keys.c if column.name not in {"fingerprint", "sealed"})


class Keys:
    """Implements ``core.ports.KeyRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, key: Key, *, fingerprint: bytes, sealed: bytes | None) -> None:
        """See the port."""
        await self._connection.execute(insert(keys).values(**columns_of(key), fingerprint=fingerprint, sealed=sealed))

    async def verify(self, prefix: str, fingerprint: bytes) -> Key | None:
        """See the port."""
        statement = select(*_COLUMNS, keys.c.fingerprint).where(keys.c.prefix == prefix, _valid())
        rows = await many(self._connection, statement)
        matching = [row for row in rows if hmac.compare_digest(row["fingerprint"], fingerprint)]
        return _key(matching[0]) if matching else None

    async def touch(self, key_id: UUID, at: datetime) -> None:
        """Notes the last use, at most once a minute."""
        long_ago = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < at - _TOUCH_EVERY)
        await self._connection.execute(update(keys).where(keys.c.id == key_id, long_ago).values(last_used_at=at))

    async def current(self, user_id: UUID, kind: KeyKind) -> tuple[Key, bytes | None] | None:
        """See the port."""
        statement = (
            select(*_COLUMNS, keys.c.sealed)
            .where(keys.c.user_id == user_id, keys.c.kind == str(kind), keys.c.revoked_at.is_(None))
            .order_by(keys.c.created_at.desc(), keys.c.id.desc())
            .limit(1)
        )
        row = await first(self._connection, statement)
        return None if row is None else (_key(row), row["sealed"])

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Key]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = (
            select(*_COLUMNS)
            .where(keys.c.user_id == user_id)
            .order_by(keys.c.created_at.desc(), keys.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        return [_key(row) for row in await many(self._connection, statement)]

    async def revoke(self, key_id: UUID, at: datetime) -> bool:
        """See the port."""
        statement = update(keys).where(keys.c.id == key_id, _valid()).values(revoked_at=at).returning(keys.c.id)
        return await first(self._connection, statement) is not None

    async def lock(self, user_id: UUID) -> None:
        """See the port. The weaker lock lets rows of other tables that name this user be added meanwhile."""
        chosen = select(users.c.id).where(users.c.id == user_id)
        await one(self._connection, chosen.with_for_update(key_share=True), "user")


def _valid() -> ColumnElement[bool]:
    """A rotated key ends ahead of now, so that whoever uses it has time to change over."""
    return or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > func.now())


def _key(row: RowMapping) -> Key:
    values = {column.name: row[column.name] for column in _COLUMNS}
    return Key(**values | {"kind": KeyKind(row["kind"])})
