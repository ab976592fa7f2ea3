"""Stream proxies in the database; their secrets stay sealed and are opened by ``credential`` alone."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, delete, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.ports import Vault
from sluicegate.core.stream_proxies import ProxyCheck, ProxyCredential, ProxyKind, StreamProxy, stream_proxy_kind
from sluicegate.db.people_schema import stream_proxies
from sluicegate.db.rows import columns_of, first, many, one

__all__ = ["StreamProxies"]

_COLUMNS: Final = tuple(column for column in stream_proxies.c if column.name != "sealed_token")
_KEPT: Final = ("user_id", "kind", "created_at")


class StreamProxies:
    """Implements ``core.stream_proxies.StreamProxyRepository``."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def put(self, proxy: StreamProxy, *, sealed_token: bytes) -> bool:
        """See the port."""
        changes = columns_of(proxy, without=_KEPT) | {"sealed_token": sealed_token}
        statement = insert(stream_proxies).values(**columns_of(proxy), sealed_token=sealed_token)
        statement = statement.on_conflict_do_update(index_elements=["user_id", "kind"], set_=changes)
        # A row that was just inserted has no deleting transaction (PostgreSQL's system column xmax).
        row = await first(self._connection, statement.returning(literal_column("(xmax = 0)").label("made")))
        return bool(row and row["made"])

    async def page(self, user_id: UUID) -> list[StreamProxy]:
        """See the port."""
        order = (stream_proxies.c.created_at, stream_proxies.c.kind)
        statement = select(*_COLUMNS).where(stream_proxies.c.user_id == user_id).order_by(*order)
        return [_proxy(row) for row in await many(self._connection, statement)]

    async def get(self, user_id: UUID, kind: ProxyKind) -> StreamProxy:
        """See the port."""
        statement = select(*_COLUMNS).where(_of(user_id, kind))
        return _proxy(await one(self._connection, statement, "integration"))

    async def credential(self, user_id: UUID, kind: ProxyKind) -> ProxyCredential | None:
        """See the port."""
        row = await first(self._connection, select(stream_proxies).where(_of(user_id, kind)))
        if row is None:
            return None
        bound = stream_proxy_kind(kind, row["base_url"])
        return ProxyCredential(
            kind, row["base_url"], self._vault.open(row["sealed_token"], owner=str(user_id), kind=bound)
        )

    async def checked(self, user_id: UUID, kind: ProxyKind, *, state: ProxyCheck, reason: str, at: datetime) -> None:
        """See the port."""
        values = {"state": str(state), "reason": reason, "checked_at": at}
        await self._connection.execute(update(stream_proxies).where(_of(user_id, kind)).values(values))

    async def remove(self, user_id: UUID, kind: ProxyKind) -> bool:
        """See the port."""
        statement = delete(stream_proxies).where(_of(user_id, kind)).returning(stream_proxies.c.kind)
        return await first(self._connection, statement) is not None


def _of(user_id: UUID, kind: ProxyKind) -> ColumnElement[bool]:
    return and_(stream_proxies.c.user_id == user_id, stream_proxies.c.kind == str(kind))


def _proxy(row: RowMapping) -> StreamProxy:
    return StreamProxy(**{**row, "kind": ProxyKind(row["kind"]), "state": ProxyCheck(row["state"])})
