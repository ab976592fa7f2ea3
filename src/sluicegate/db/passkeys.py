"""Passkeys in the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.passkeys import Passkey
from sluicegate.db.passkey_schema import answered_challenges, passkeys
from sluicegate.db.rows import columns_of, first, many

__all__ = ["Passkeys"]


class Passkeys:
    """Implements ``core.passkeys.PasskeyRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, passkey: Passkey) -> bool:
        """See the port."""
        statement = insert(passkeys).values(columns_of(passkey)).on_conflict_do_nothing()
        return await first(self._connection, statement.returning(passkeys.c.id)) is not None

    async def of_user(self, user_id: UUID) -> list[Passkey]:
        """See the port."""
        statement = select(passkeys).where(passkeys.c.user_id == user_id)
        oldest_first = statement.order_by(passkeys.c.created_at, passkeys.c.id)
        return [Passkey(**row) for row in await many(self._connection, oldest_first)]

    async def by_credential(self, credential_id: bytes, *, lock: bool = False) -> Passkey | None:
        """See the port."""
        statement = select(passkeys).where(passkeys.c.credential_id == credential_id)
        row = await first(self._connection, statement.with_for_update() if lock else statement)
        return Passkey(**row) if row else None

    async def used(self, passkey_id: UUID, sign_count: int, at: datetime) -> None:
        """See the port."""
        statement = update(passkeys).where(passkeys.c.id == passkey_id)
        await self._connection.execute(statement.values(sign_count=sign_count, used_at=at))

    async def rename(self, user_id: UUID, passkey_id: UUID, label: str) -> bool:
        """See the port."""
        mine = (passkeys.c.id == passkey_id, passkeys.c.user_id == user_id)
        statement = update(passkeys).where(*mine).values(label=label).returning(passkeys.c.id)
        return await first(self._connection, statement) is not None

    async def remove(self, user_id: UUID, passkey_id: UUID) -> bool:
        """See the port."""
        mine = (passkeys.c.id == passkey_id, passkeys.c.user_id == user_id)
        return await first(self._connection, delete(passkeys).where(*mine).returning(passkeys.c.id)) is not None

    async def remove_all(self, user_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(passkeys).where(passkeys.c.user_id == user_id))

    async def answer(self, mark: bytes, *, now: datetime, expires_at: datetime) -> bool:
        """See the port."""
        await self._connection.execute(delete(answered_challenges).where(answered_challenges.c.expires_at <= now))
        statement = insert(answered_challenges).values(mark=mark, expires_at=expires_at).on_conflict_do_nothing()
        return await first(self._connection, statement.returning(answered_challenges.c.mark)) is not None
