"""Users in the database."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import AlreadyExists
from sluicegate.core.users import User
from sluicegate.db.rows import columns_of, first, many, one, page_bounds
from sluicegate.db.schema import users

__all__ = ["Users"]


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
        """See the port; what belongs to the user goes by the foreign keys."""
        await self._connection.execute(delete(users).where(users.c.id == user_id))
