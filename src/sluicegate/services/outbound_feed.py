"""The outbound feed: a user's ready torrents as other programs read them (library sheet, section 9.2)."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sluicegate.core.errors import MalformedSource
from sluicegate.core.magnets import parse_info_hash, parse_magnet, render_magnet
from sluicegate.core.ports import UnitOfWorkFactory
from sluicegate.core.release_names import Release, parse_release
from sluicegate.core.titles import LibraryEntry

__all__ = ["ITEMS_MAX", "SIZE_MIN", "OutboundFeed", "OutboundItem"]

ITEMS_MAX: Final = 100

SIZE_MIN: Final = 2 << 20
"""One smaller item, or one of unknown size, makes Sonarr and Radarr refuse the whole feed: such items are left out."""


@dataclass(frozen=True, slots=True)
class OutboundItem:
    """One item: always with a title, a date, a magnet and a size of at least 2 MiB."""

    job_id: UUID
    title: str
    magnet: str
    info_hash: str
    size: int
    published_at: datetime
    release: Release


class OutboundFeed:
    """Reads the feed of one user."""

    def __init__(self, transactions: UnitOfWorkFactory) -> None:
        self._transactions = transactions

    async def page(self, user_id: UUID, *, limit: int = ITEMS_MAX, offset: int = 0) -> list[OutboundItem]:
        """Newest first; links and NZBs have no magnet and are left out."""
        async with self._transactions() as tx:
            entries = await tx.ready.page(user_id, limit=limit, offset=offset, torrents_from=SIZE_MIN)
        return await asyncio.to_thread(lambda: [_item(entry) for entry in entries])


def _item(entry: LibraryEntry) -> OutboundItem:
    title = entry.name.strip() or entry.info_hash
    return OutboundItem(
        entry.job_id,
        title,
        _magnet(entry, title),
        entry.info_hash,
        entry.size or 0,
        entry.created_at,
        parse_release(title),
    )


def _magnet(entry: LibraryEntry, title: str) -> str:
    try:
        magnet = parse_magnet(entry.source_uri)
    except MalformedSource:
        magnet = parse_info_hash(entry.info_hash)
    return render_magnet(magnet if magnet.name else replace(magnet, name=title))
