"""Users in the database."""

from typing import Final
from uuid import UUID

from sqlalchemy import Select, and_, delete, exists, select, tuple_, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import AlreadyExists
from sluicegate.core.users import User
from sluicegate.db.daily_schema import usage_changes
from sluicegate.db.registration_schema import registrations, user_addresses
from sluicegate.db.rows import columns_of, first, many, one, page_bounds
from sluicegate.db.schema import files, jobs, media_jobs, users

__all__ = ["Users"]

_MEDIA_KEYS: Final = ("stored_key", "subtitle_key", "thumbnail_key")


class Users:
    """Implements ``core.ports.UserRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, user: User) -> None:
        """See the port."""
        statement = insert(users).values(columns_of(user)).on_conflict_do_nothing().returning(users.c.id)
        if await first(self._connection, statement) is None:
            raise AlreadyExists("A user with this name exists already.", field="name")

    async def get(self, user_id: UUID) -> User:
        """See the port."""
        row = await one(self._connection, select(users).where(users.c.id == user_id), "user")
        return User(**row)

    async def by_name(self, name: str) -> User:
        """See the port."""
        row = await one(self._connection, select(users).where(users.c.name == name), "user")
        return User(**row)

    async def page(self, *, limit: int, offset: int) -> list[User]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = select(users).order_by(users.c.name).limit(limit).offset(offset)
        return [User(**row) for row in await many(self._connection, statement)]

    async def remove(self, user_id: UUID) -> None:
        """See the port; what belongs to the user goes by the foreign keys, except for what has none."""
        await self._connection.execute(delete(usage_changes).where(usage_changes.c.user_id == user_id))
        address = select(user_addresses.c.address_key).where(user_addresses.c.user_id == user_id)
        await self._connection.execute(delete(registrations).where(registrations.c.address_key.in_(address)))
        await self._connection.execute(delete(users).where(users.c.id == user_id))

    async def own_objects(
        self, user_id: UUID, *, limit: int, after: tuple[str, str] = ("", "")
    ) -> list[tuple[str, str]]:
        """See the port."""
        own = union(_library(user_id), *(_media(user_id, name) for name in _MEDIA_KEYS)).subquery()
        shared = exists().where(
            files.c.storage == own.c.storage,
            files.c.stored_key == own.c.key,
            files.c.job_id == jobs.c.id,
            jobs.c.user_id != user_id,
        )
        key = tuple_(own.c.storage, own.c.key)
        statement = select(own).where(~shared, key > tuple_(*after)).order_by(own.c.storage, own.c.key).limit(limit)
        return [(row["storage"], row["key"]) for row in await many(self._connection, statement)]


def _library(user_id: UUID) -> Select[tuple[str, str]]:
    statement = select(files.c.storage, files.c.stored_key.label("key")).join(jobs, jobs.c.id == files.c.job_id)
    return statement.where(jobs.c.user_id == user_id, files.c.stored_key.is_not(None))


def _media(user_id: UUID, name: str) -> Select[tuple[str, str]]:
    column = media_jobs.c[name]
    wanted = and_(media_jobs.c.user_id == user_id, media_jobs.c.storage.is_not(None), column.is_not(None))
    return select(media_jobs.c.storage, column.label("key")).where(wanted)
