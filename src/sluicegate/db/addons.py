"""Add-ons in the database, and fingerprints of their secrets."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.addons import Addon, AddonSecret, AddonState
from sluicegate.core.errors import AlreadyExists
from sluicegate.db.gateway_schema import addon_secrets, addons
from sluicegate.db.rows import columns_of, first, many, one, page_bounds

__all__ = ["Addons"]


class Addons:
    """Implements ``core.addons.AddonRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, addon: Addon) -> None:
        """See the port."""
        statement = insert(addons).values(columns_of(addon)).on_conflict_do_nothing().returning(addons.c.id)
        if await first(self._connection, statement) is None:
            raise AlreadyExists("An add-on with this identifier exists already.", field="slug")

    async def by_slug(self, slug: str) -> Addon:
        """See the port."""
        return _addon(await one(self._connection, select(addons).where(addons.c.slug == slug), "add-on"))

    async def update(self, addon: Addon) -> None:
        """See the port."""
        values = {"state": str(addon.state), "reason": addon.reason, "decided_at": addon.decided_at}
        await self._connection.execute(update(addons).where(addons.c.id == addon.id).values(values))

    async def page(self, *, user_id: UUID | None, limit: int, offset: int) -> list[Addon]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = select(addons).order_by(addons.c.slug).limit(limit).offset(offset)
        if user_id is not None:
            statement = statement.where(addons.c.user_id == user_id)
        return [_addon(row) for row in await many(self._connection, statement)]

    async def add_secret(self, secret: AddonSecret, fingerprint: bytes) -> None:
        """See the port."""
        await self._connection.execute(insert(addon_secrets).values(**columns_of(secret), fingerprint=fingerprint))

    async def secrets(self, addon_id: UUID, at: datetime) -> Sequence[tuple[AddonSecret, bytes]]:
        """See the port."""
        valid = or_(addon_secrets.c.expires_at.is_(None), addon_secrets.c.expires_at > at)
        statement = (
            select(addon_secrets)
            .where(addon_secrets.c.addon_id == addon_id, valid)
            .order_by(addon_secrets.c.created_at.desc())
        )
        names = [field.name for field in fields(AddonSecret)]
        rows = await many(self._connection, statement)
        return [(AddonSecret(**{name: row[name] for name in names}), row["fingerprint"]) for row in rows]

    async def expire_secrets(self, addon_id: UUID, at: datetime) -> None:
        """See the port."""
        later = or_(addon_secrets.c.expires_at.is_(None), addon_secrets.c.expires_at > at)
        statement = update(addon_secrets).where(addon_secrets.c.addon_id == addon_id, later).values(expires_at=at)
        await self._connection.execute(statement)


def _addon(row: RowMapping) -> Addon:
    return Addon(**{**row, "state": AddonState(row["state"])})
