"""Every sealed column of the database: what each value is bound to, and how to put another in its place.

A sealed column that is missing here would be lost with the next rotation of the master key; a contract test compares
this list with all tables.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, LargeBinary, RowMapping, and_, func, literal, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.accounts import proxy_kind, token_kind
from sluicegate.core.destinations import secret_kind
from sluicegate.core.sealed_values import SealedValue
from sluicegate.core.stream_proxies import ProxyKind, stream_proxy_kind
from sluicegate.db.destination_schema import destinations, open_uploads
from sluicegate.db.feed_schema import feeds
from sluicegate.db.people_schema import master_key_marks, repeats, stream_proxies
from sluicegate.db.rows import many, page_bounds
from sluicegate.db.schema import accounts, keys
from sluicegate.db.sign_in_schema import logins
from sluicegate.db.webhook_schema import secrets
from sluicegate.services.master_key import MARK_KINDS, OWNER

__all__ = ["SEALED_COLUMNS", "SealedColumn", "SealedValues"]


def _user(row: RowMapping) -> str:
    return str(row["user_id"])


def _always(word: str) -> Callable[[RowMapping], str]:
    return lambda _: word


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column, and how a row tells the vault's ``kind`` and ``owner`` of its value."""

    column: Column[Any]
    kind: Callable[[RowMapping], str]
    owner: Callable[[RowMapping], str] = _user

    @property
    def name(self) -> str:
        """``table.column``."""
        return f"{self.column.table.name}.{self.column.name}"

    def value(self, row: RowMapping) -> SealedValue:
        """The value in a row that holds all columns of the table."""
        place = tuple(row[column.name] for column in self.column.table.primary_key)
        return SealedValue(place, self.owner(row), self.kind(row), bytes(row[self.column.name]))


SEALED_COLUMNS: Final = (
    SealedColumn(keys.c.sealed, _always("library_key")),
    SealedColumn(accounts.c.sealed_token, lambda row: token_kind(row["provider"], row["id"])),
    SealedColumn(accounts.c.sealed_proxy, lambda row: proxy_kind(row["provider"], row["id"])),
    SealedColumn(feeds.c.sealed_url, lambda row: f"feed_url:{row['id']}"),
    SealedColumn(destinations.c.sealed_secret, lambda row: secret_kind(row["id"])),
    SealedColumn(open_uploads.c.sealed_state, lambda row: f"upload:{row['destination_id']}:{row['key']}"),
    SealedColumn(stream_proxies.c.sealed_token, lambda row: stream_proxy_kind(ProxyKind(row["kind"]), row["base_url"])),
    SealedColumn(repeats.c.sealed, _always("repeated_answer"), lambda row: str(row["id"])),
    SealedColumn(secrets.c.sealed, _always("webhook secret")),
    SealedColumn(logins.c.sealed_totp, _always("totp")),
    # Last, so that a key that opens the mark opens everything.
    SealedColumn(master_key_marks.c.sealed, lambda row: MARK_KINDS[row["name"]], _always(OWNER)),
)
_BY_NAME: Final = {sealed.name: sealed for sealed in SEALED_COLUMNS}
_OTHERS: Final = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < :moment
""")


class SealedValues:
    """Implements ``core.sealed_values.SealedRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def columns(self) -> Sequence[str]:
        """See the port."""
        return list(_BY_NAME)

    async def page(self, column: str, *, header: bytes, after: tuple[Any, ...] | None, limit: int) -> list[SealedValue]:
        """See the port."""
        chosen = _BY_NAME[column]
        table, bound = chosen.column.table, page_bounds(limit, 0)[0]
        begins = func.substring(chosen.column, 1, len(header), type_=LargeBinary())
        statement = select(table).where(chosen.column.is_not(None), begins != literal(header, LargeBinary()))
        if after is not None:
            statement = statement.where(tuple_(*table.primary_key) > tuple_(*after))
        rows = await many(self._connection, statement.order_by(*table.primary_key).limit(bound))
        return [chosen.value(row) for row in rows]

    async def replace(self, column: str, value: SealedValue, sealed: bytes) -> bool:
        """See the port."""
        changed = _BY_NAME[column].column
        table = changed.table
        same_row = and_(*(key == part for key, part in zip(table.primary_key, value.place, strict=True)))
        statement = update(table).where(same_row, changed == value.sealed).values({changed.name: sealed})
        return (await self._connection.execute(statement)).rowcount > 0

    async def now(self) -> datetime:
        """See the port."""
        moment: datetime = (await self._connection.execute(select(func.clock_timestamp()))).scalar_one()
        return moment

    async def open_since_before(self, moment: datetime) -> int:
        """See the port."""
        return int((await self._connection.execute(_OTHERS, {"moment": moment})).scalar_one())
