"""Registrations, and the addresses of users, in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, Select, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.registration import MailState, Registration, RegistrationSums, UserAddress, UserAddressRepository
from sluicegate.db.registration_schema import registrations, user_addresses
from sluicegate.db.rows import columns_of, first, many

__all__ = ["Registrations", "UserAddresses"]

_COLUMNS: Final = tuple(column for column in registrations.c if column.name != "fingerprint")


class Registrations:
    """Implements ``core.registration.RegistrationRepository``."""

    proven: UserAddressRepository

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.proven = UserAddresses(connection)

    async def pending(self, at: datetime) -> int:
        """See the port."""
        statement = select(func.count()).select_from(registrations).where(registrations.c.expires_at > at)
        return int((await self._connection.execute(statement)).scalar_one())

    async def by_key(self, address_key: str) -> Registration | None:
        """See the port."""
        return await self._one(select(*_COLUMNS).where(registrations.c.address_key == address_key), lock=True)

    async def add(self, registration: Registration, fingerprint: bytes) -> bool:
        """See the port."""
        statement = insert(registrations).values(**columns_of(registration), fingerprint=fingerprint)
        kept = statement.on_conflict_do_nothing(index_elements=["address_key"]).returning(registrations.c.id)
        return await first(self._connection, kept) is not None

    async def get(self, registration_id: UUID, *, lock: bool = False) -> Registration | None:
        """See the port."""
        return await self._one(select(*_COLUMNS).where(registrations.c.id == registration_id), lock=lock)

    async def by_fingerprint(self, fingerprint: bytes, at: datetime, *, lock: bool = False) -> Registration | None:
        """See the port."""
        found = and_(registrations.c.fingerprint == fingerprint, registrations.c.expires_at > at)
        return await self._one(select(*_COLUMNS).where(found), lock=lock)

    async def put(self, registration: Registration) -> None:
        """See the port."""
        statement = update(registrations).where(registrations.c.id == registration.id)
        await self._connection.execute(statement.values(columns_of(registration, without=("id",))))

    async def remove(self, registration_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(registrations).where(registrations.c.id == registration_id))

    async def due(self, at: datetime, *, limit: int) -> list[UUID]:
        """See the port."""
        waiting = and_(
            registrations.c.state == MailState.WAITING, registrations.c.next_at <= at, registrations.c.expires_at > at
        )
        statement = select(registrations.c.id).where(waiting).order_by(registrations.c.next_at).limit(limit)
        return [row["id"] for row in await many(self._connection, statement)]

    async def forget_ended(self, at: datetime) -> int:
        """See the port."""
        ended = await self._connection.execute(delete(registrations).where(registrations.c.expires_at <= at))
        return ended.rowcount

    async def sums(self, at: datetime) -> RegistrationSums:
        """See the port."""
        stuck = and_(registrations.c.state == MailState.WAITING, registrations.c.attempts > 0)
        failed = registrations.c.state == MailState.FAILED
        standing = registrations.c.expires_at > at
        figures = select(
            func.count().label("pending"),
            func.count().filter(stuck).label("stuck"),
            func.count().filter(failed).label("failed"),
            func.min(registrations.c.next_at).filter(stuck).label("next_at"),
        ).where(standing)
        newest = select(registrations.c.words).where(standing, stuck | failed).order_by(registrations.c.asked_at.desc())
        row = (await self._connection.execute(figures)).mappings().one()
        words = (await self._connection.execute(newest.limit(1))).scalar_one_or_none()
        return RegistrationSums(**row, words=words or "")

    async def _one(self, statement: Select[tuple[object, ...]], *, lock: bool) -> Registration | None:
        row = await first(self._connection, statement.with_for_update() if lock else statement)
        return _registration(row) if row else None


class UserAddresses:
    """Implements ``core.registration.UserAddressRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, user_ids: Sequence[UUID]) -> dict[UUID, UserAddress]:
        """See the port."""
        rows = await many(self._connection, select(user_addresses).where(user_addresses.c.user_id.in_(user_ids)))
        return {row["user_id"]: UserAddress(**row) for row in rows}

    async def by_key(self, address_key: str) -> UserAddress | None:
        """See the port."""
        row = await first(self._connection, select(user_addresses).where(user_addresses.c.address_key == address_key))
        return UserAddress(**row) if row else None

    async def add(self, address: UserAddress) -> bool:
        """See the port."""
        statement = insert(user_addresses).values(columns_of(address)).on_conflict_do_nothing()
        return await first(self._connection, statement.returning(user_addresses.c.user_id)) is not None


def _registration(row: RowMapping) -> Registration:
    return Registration(**{**row, "state": MailState(row["state"])})
