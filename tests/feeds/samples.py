"""Feeds for tests to read."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.net.wire import answer

if TYPE_CHECKING:
    from tests.feeds.conftest import World

__all__ = ["item", "rss", "serves"]


def item(
    title: str,
    guid: str | None = None,
    *,
    magnet: str | None = None,
    at: datetime | None = None,
    extra: str = "",
) -> str:
    """One RSS item; by default with a magnet made from the title, dated a minute ahead of now."""
    info_hash = hashlib.sha1(title.encode(), usedforsecurity=False).hexdigest()
    link = f"magnet:?xt=urn:btih:{info_hash}" if magnet is None else magnet
    date = (at or datetime.now(UTC) + timedelta(minutes=1)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    enclosure = f'<enclosure url="{link}" length="1" type="application/x-bittorrent"/>' if link else ""
    name = f"<guid>{guid or title}</guid>" if guid != "" else ""
    return f"<item><title>{title}</title>{name}<pubDate>{date}</pubDate>{enclosure}{extra}</item>"


def rss(*items: str) -> bytes:
    """A feed."""
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{"".join(items)}</channel></rss>'.encode()


def serves(world: "World", *items: str, headers: str = "") -> None:
    """Makes the remote's feed list these items."""
    world.remote.scripts["/feed"] = answer(rss(*items), headers=headers)
