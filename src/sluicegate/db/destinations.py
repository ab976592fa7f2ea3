"""Storage targets in the database; their secrets stay sealed and are opened by ``secret`` alone."""

from dataclasses import asdict, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.destinations import Cloud, Destination, Place, SecretKind, secret_kind
from sluicegate.core.errors import InternalError
from sluicegate.core.ports import Vault
from sluicegate.core.secrets import Secret
from sluicegate.db.destination_schema import PLACE_COLUMNS, destinations
from sluicegate.db.rows import first, many, one, page_bounds

__all__ = ["Destinations"]

_COLUMNS: Final = tuple(c for c in destinations.c if c.name not in {"sealed_secret", "fingerprint"})
_IDENTITY: Final = tuple(name for name in PLACE_COLUMNS if name != "region")
_ROUNDS: Final = 3


class Destinations:
    """Implements ``core.destinations.DestinationRepository``."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def save(self, destination: Destination, secret: Secret, *, fingerprint: bytes) -> Destination:
        """See the port. The secret is bound to the row's id, so an old row is looked for first."""
        for _ in range(_ROUNDS):
            old = await self._same_place(destination)
            kept = _merged(old, destination)
            await self._make_room(kept)
            if await self._write(kept, secret, fingerprint, new=old is None):
                return kept
        raise InternalError("This storage target is being changed by somebody else all the time.", retry_after=1.0)

    async def get(self, destination_id: UUID, *, user_id: UUID | None = None) -> Destination:
        """See the port."""
        statement = select(*_COLUMNS).where(destinations.c.id == destination_id)
        if user_id is not None:
            statement = statement.where(destinations.c.user_id == user_id)
        return _destination(await one(self._connection, statement, "storage target"))

    async def secret(self, destination_id: UUID) -> Secret:
        """See the port."""
        statement = select(destinations.c.user_id, destinations.c.sealed_secret).where(
            destinations.c.id == destination_id
        )
        row = await one(self._connection, statement, "storage target")
        return self._vault.open(row["sealed_secret"], owner=str(row["user_id"]), kind=secret_kind(destination_id))

    async def same(self, user_id: UUID, fingerprint: bytes) -> Destination | None:
        """See the port."""
        statement = select(*_COLUMNS).where(
            destinations.c.user_id == user_id, destinations.c.fingerprint == fingerprint
        )
        row = await first(self._connection, statement)
        return None if row is None else _destination(row)

    async def by_name(self, user_id: UUID, name: str) -> Destination:
        """See the port."""
        statement = select(*_COLUMNS).where(
            destinations.c.user_id == user_id, destinations.c.name == name, destinations.c.name != ""
        )
        return _destination(await one(self._connection, statement, "storage target"))

    async def default(self, user_id: UUID) -> Destination | None:
        """See the port."""
        statement = select(*_COLUMNS).where(destinations.c.user_id == user_id, destinations.c.is_default)
        row = await first(self._connection, statement)
        return None if row is None else _destination(row)

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Destination]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = (
            select(*_COLUMNS)
            .where(destinations.c.user_id == user_id, destinations.c.name != "")
            .order_by(destinations.c.created_at, destinations.c.id)
            .limit(limit)
            .offset(offset)
        )
        return [_destination(row) for row in await many(self._connection, statement)]

    async def remove(self, user_id: UUID, *, cloud: Cloud | None = None, name: str | None = None) -> int:
        """See the port."""
        statement = delete(destinations).where(destinations.c.user_id == user_id).returning(destinations.c.id)
        if cloud is not None:
            statement = statement.where(destinations.c.cloud == str(cloud))
        if name is not None:
            statement = statement.where(destinations.c.name == name, destinations.c.name != "")
        return len(await many(self._connection, statement))

    async def _same_place(self, wanted: Destination) -> Destination | None:
        values = _place_out(wanted.place)
        statement = select(*_COLUMNS).where(destinations.c.user_id == wanted.user_id).with_for_update()
        statement = statement.where(*(destinations.c[name] == values[name] for name in _IDENTITY))
        row = await first(self._connection, statement)
        return None if row is None else _destination(row)

    async def _make_room(self, kept: Destination) -> None:
        """Takes the mark of the default, and the name, from whichever target has them."""
        others = update(destinations).where(destinations.c.user_id == kept.user_id, destinations.c.id != kept.id)
        if kept.is_default:
            await self._connection.execute(others.where(destinations.c.is_default).values(is_default=False))
        if kept.name:
            await self._connection.execute(others.where(destinations.c.name == kept.name).values(name=""))

    async def _write(self, kept: Destination, secret: Secret, fingerprint: bytes, *, new: bool) -> bool:
        sealed = self._vault.seal(secret.reveal(), owner=str(kept.user_id), kind=secret_kind(kept.id))
        values = _values(kept) | {"sealed_secret": sealed, "fingerprint": fingerprint}
        if new:
            statement = insert(destinations).values(**values).on_conflict_do_nothing().returning(destinations.c.id)
            return await first(self._connection, statement) is not None
        changed = update(destinations).where(destinations.c.id == kept.id).values(**values)
        return await first(self._connection, changed.returning(destinations.c.id)) is not None


def _merged(old: Destination | None, new: Destination) -> Destination:
    """A one-off use of a named target takes nothing from it."""
    if old is None:
        return new
    return replace(
        new,
        id=old.id,
        name=new.name or old.name,
        is_default=new.is_default or old.is_default,
        created_at=old.created_at,
    )


def _values(destination: Destination) -> dict[str, Any]:
    return {
        "id": destination.id,
        "user_id": destination.user_id,
        "name": destination.name,
        "is_default": destination.is_default,
        "created_at": destination.created_at,
        "updated_at": destination.updated_at,
    } | _place_out(destination.place)


def _place_out(place: Place) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(place).items()}


def _destination(row: RowMapping) -> Destination:
    values = dict(row)
    place = {name: values.pop(name) for name in PLACE_COLUMNS}
    words = {"cloud": Cloud(place["cloud"]), "secret_kind": SecretKind(place["secret_kind"])}
    return Destination(place=Place(**(place | words)), **values)
