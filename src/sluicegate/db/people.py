"""Identities, limits, plans and preferences of users, and the mark of the master key, in the database."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.users import Identity, UserLimits
from sluicegate.db.people_schema import entitlements, identities, master_key_marks, preferences, user_limits
from sluicegate.db.rows import columns_of, first, many

__all__ = ["Identities", "Limits", "MasterKeyMarks", "Plans", "Preferences"]

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Identities:
    """Implements ``core.ports.IdentityRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, issuer: str, subject: str) -> Identity | None:
        """See the port."""
        statement = select(identities).where(identities.c.issuer == issuer, identities.c.subject == subject)
        row = await first(self._connection, statement)
        return None if row is None else Identity(**row)

    async def add(self, identity: Identity) -> bool:
        """See the port."""
        statement = insert(identities).values(columns_of(identity)).on_conflict_do_nothing().returning(identities)
        return await first(self._connection, statement) is not None

    async def page(self, user_id: UUID) -> list[Identity]:
        """See the port."""
        statement = select(identities).where(identities.c.user_id == user_id).order_by(identities.c.created_at)
        return [Identity(**row) for row in await many(self._connection, statement)]

    async def remove(self, issuer: str, subject: str) -> bool:
        """See the port."""
        chosen = delete(identities).where(identities.c.issuer == issuer, identities.c.subject == subject)
        return await first(self._connection, chosen.returning(identities.c.user_id)) is not None


class Limits:
    """Implements ``core.ports.UserLimitRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, user_id: UUID) -> UserLimits:
        """See the port."""
        columns = [user_limits.c[field.name] for field in fields(UserLimits)]
        row = await first(self._connection, select(*columns).where(user_limits.c.user_id == user_id))
        return UserLimits() if row is None else UserLimits(**row)

    async def put(self, user_id: UUID, limits: UserLimits) -> None:
        """See the port."""
        values = columns_of(limits)
        statement = insert(user_limits).values(user_id=user_id, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))


class Plans:
    """Implements ``core.entitlements.EntitlementRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, user_id: UUID) -> tuple[Mapping[str, Any], datetime] | None:
        """See the port."""
        row = await first(self._connection, select(entitlements).where(entitlements.c.user_id == user_id))
        return None if row is None else (row["facts"], row["told_at"])

    async def put(self, user_id: UUID, facts: Mapping[str, Any], at: datetime) -> None:
        """See the port."""
        values = {"facts": dict(facts), "told_at": at}
        statement = insert(entitlements).values(user_id=user_id, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))

    async def expire(self, user_id: UUID) -> None:
        """See the port."""
        chosen = update(entitlements).where(entitlements.c.user_id == user_id)
        await self._connection.execute(chosen.values(told_at=_LONG_AGO))


class Preferences:
    """Implements ``core.preferences.PreferenceRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, user_id: UUID) -> Mapping[str, Any]:
        """See the port."""
        row = await first(self._connection, select(preferences.c.chosen).where(preferences.c.user_id == user_id))
        return {} if row is None else row["chosen"]

    async def change(self, user_id: UUID, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """See the port; two changes at once are both kept."""
        empty = insert(preferences).values(user_id=user_id, chosen={}).on_conflict_do_nothing()
        await self._connection.execute(empty)
        locked = select(preferences.c.chosen).where(preferences.c.user_id == user_id).with_for_update()
        row = await first(self._connection, locked)
        merged = {**(row["chosen"] if row else {}), **changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        statement = update(preferences).where(preferences.c.user_id == user_id).values(chosen=kept)
        await self._connection.execute(statement)
        return kept


class MasterKeyMarks:
    """Implements ``core.ports.MasterKeyMarkRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def ensure(self, name: str, sealed: bytes) -> bytes:
        """See the port."""
        statement = insert(master_key_marks).values(name=name, sealed=sealed).on_conflict_do_nothing()
        await self._connection.execute(statement)
        row = await first(self._connection, select(master_key_marks.c.sealed).where(master_key_marks.c.name == name))
        return sealed if row is None else bytes(row["sealed"])

    async def find(self, name: str) -> bytes | None:
        """See the port."""
        row = await first(self._connection, select(master_key_marks.c.sealed).where(master_key_marks.c.name == name))
        return None if row is None else bytes(row["sealed"])

    async def replace(self, name: str, sealed: bytes) -> None:
        """See the port."""
        chosen = update(master_key_marks).where(master_key_marks.c.name == name)
        await self._connection.execute(chosen.values(sealed=sealed))
