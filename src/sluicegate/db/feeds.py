"""Feeds and what was seen in them, in the database; a feed's URL stays sealed, as it may hold a pass key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.feeds import Feed, Quality, SeenItem, Verdict
from sluicegate.core.ports import Vault
from sluicegate.db.feed_schema import feed_items, feeds
from sluicegate.db.rows import columns_of, first, many, one, page_bounds

__all__ = ["Feeds"]

_FIXED: Final = ("id", "user_id", "created_at", "url")
_DECIDED: Final = ("title", "verdict", "reason", "info_hash", "job_id", "attempts", "seen_at", "listed_at")
_ITEM_COLUMNS: Final = tuple(column for column in feed_items.c if column.name != "listed_at")


class Feeds:
    """Implements ``core.feeds.FeedRepository``."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def add(self, feed: Feed) -> None:
        """See the port."""
        values = columns_of(feed, without=("url",)) | {"sealed_url": self._sealed(feed)}
        await self._connection.execute(insert(feeds).values(**values))

    async def get(self, feed_id: UUID, *, user_id: UUID | None = None, lock: bool = False) -> Feed:
        """See the port."""
        statement = select(feeds).where(feeds.c.id == feed_id)
        if user_id is not None:
            statement = statement.where(feeds.c.user_id == user_id)
        return self._feed(await one(self._connection, statement.with_for_update() if lock else statement, "feed"))

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Feed]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = select(feeds).where(feeds.c.user_id == user_id).order_by(feeds.c.created_at, feeds.c.id)
        return [self._feed(row) for row in await many(self._connection, statement.limit(limit).offset(offset))]

    async def count(self, user_id: UUID) -> int:
        """See the port."""
        statement = select(func.count()).select_from(feeds).where(feeds.c.user_id == user_id)
        return int((await self._connection.execute(statement)).scalar_one())

    async def update(self, feed: Feed) -> None:
        """See the port."""
        values = columns_of(feed, without=_FIXED) | {"sealed_url": self._sealed(feed)}
        await self._connection.execute(update(feeds).where(feeds.c.id == feed.id).values(**values))

    async def remove(self, feed_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(feeds).where(feeds.c.id == feed_id))

    async def due(self, now: datetime, *, limit: int) -> list[UUID]:
        """See the port."""
        statement = (
            select(feeds.c.id)
            .where(feeds.c.enabled, feeds.c.next_poll_at <= now, _free(now))
            .order_by(feeds.c.next_poll_at)
            .limit(limit)
        )
        return [row["id"] for row in await many(self._connection, statement)]

    async def claim(self, feed_id: UUID, *, now: datetime, until: datetime) -> bool:
        """See the port."""
        statement = update(feeds).where(feeds.c.id == feed_id, _free(now)).values(polling_until=until)
        return await first(self._connection, statement.returning(feeds.c.id)) is not None

    async def hold(self, feed_id: UUID, *, until: datetime) -> None:
        """See the port."""
        statement = update(feeds).where(feeds.c.id == feed_id, feeds.c.polling_until.is_not(None))
        await self._connection.execute(statement.values(polling_until=until))

    async def seen(self, feed_id: UUID, keys: Sequence[bytes]) -> dict[bytes, SeenItem]:
        """See the port."""
        statement = (
            update(feed_items)
            .where(feed_items.c.feed_id == feed_id, feed_items.c.key.in_(keys))
            .values(listed_at=func.now())
            .returning(*_ITEM_COLUMNS)
        )
        return {row["key"]: _item(row) for row in await many(self._connection, statement)}

    async def mark(self, items: Sequence[SeenItem]) -> None:
        """See the port."""
        if not items:
            return
        rows = [columns_of(item) | {"listed_at": item.seen_at} for item in items]
        statement = insert(feed_items)
        changed = {name: statement.excluded[name] for name in _DECIDED}
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["feed_id", "key"], set_=changed), rows
        )

    async def forget(self, feed_id: UUID, *, keep: int) -> None:
        """See the port."""
        kept = (
            select(feed_items.c.key)
            .where(feed_items.c.feed_id == feed_id)
            .order_by(feed_items.c.listed_at.desc())
            .limit(keep)
        )
        await self._connection.execute(
            delete(feed_items).where(feed_items.c.feed_id == feed_id, feed_items.c.key.not_in(kept))
        )

    async def seen_page(self, feed_id: UUID, *, limit: int, offset: int) -> list[SeenItem]:
        """See the port."""
        limit, offset = page_bounds(limit, offset)
        statement = (
            select(*_ITEM_COLUMNS)
            .where(feed_items.c.feed_id == feed_id)
            .order_by(feed_items.c.seen_at.desc(), feed_items.c.key)
            .limit(limit)
            .offset(offset)
        )
        return [_item(row) for row in await many(self._connection, statement)]

    async def grabbed(self, user_id: UUID, info_hash: str) -> bool:
        """See the port."""
        statement = (
            select(feed_items.c.key)
            .join(feeds, feeds.c.id == feed_items.c.feed_id)
            .where(
                feeds.c.user_id == user_id,
                feed_items.c.info_hash == info_hash,
                feed_items.c.verdict == str(Verdict.SUBMITTED),
            )
        )
        return await first(self._connection, statement.limit(1)) is not None

    def _sealed(self, feed: Feed) -> bytes:
        return self._vault.seal(feed.url, owner=str(feed.user_id), kind=_secret_kind(feed.id))

    def _feed(self, row: RowMapping) -> Feed:
        url = self._vault.open(row["sealed_url"], owner=str(row["user_id"]), kind=_secret_kind(row["id"]))
        values = {name: value for name, value in row.items() if name not in {"sealed_url", "filter_quality"}}
        return Feed(**values, url=url.reveal(), filter_quality=Quality(row["filter_quality"]))


def _secret_kind(feed_id: UUID) -> str:
    return f"feed_url:{feed_id}"


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(feeds.c.polling_until.is_(None), feeds.c.polling_until <= now)


def _item(row: RowMapping) -> SeenItem:
    return SeenItem(**{**row, "verdict": Verdict(row["verdict"])})
