"""Writes the outbound feed as RSS 2.0 with Torznab attributes, so that Sonarr, Radarr and generic readers take it.

Facts: library sheet, section 9.2. The ``torrent`` namespace of EZRSS is not declared: it would switch those programs to
another parser. Their size limit and what they demand of every item is kept where items are chosen (``outbound_feed``).
"""

import re
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr  # writing only, nothing is parsed

from sluicegate.services.outbound_feed import OutboundItem

__all__ = ["CONTENT_TYPE", "render_feed"]

CONTENT_TYPE: Final = "application/rss+xml; charset=utf-8"

_ENCLOSURE: Final = "application/x-bittorrent"
_TORZNAB: Final = "http://torznab.com/schemas/2015/feed"
_ATOM: Final = "http://www.w3.org/2005/Atom"
_MOVIES: Final = "2000"
_SERIES: Final = "5000"
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, however they are written."""


def render_feed(items: Sequence[OutboundItem], *, link: str) -> bytes:
    """The document; ``link`` is where this installation is, without any key."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<rss version="2.0" xmlns:atom="{_ATOM}" xmlns:torznab="{_TORZNAB}">',
        "<channel>",
        "<title>Sluicegate library</title>",
        f"<link>{_text(link)}</link>",
        "<description>Torrents that are ready in this library, newest first.</description>",
        "<ttl>15</ttl>",
        *(_item(item) for item in items),
        "</channel>",
        "</rss>",
    ]
    return "\n".join(lines).encode()


def _item(item: OutboundItem) -> str:
    attributes = {
        "size": str(item.size),
        "infohash": item.info_hash,
        "magneturl": item.magnet,
        "seeders": "1",
        "peers": "1",
        "category": _SERIES if item.release.is_series else _MOVIES,
    }
    return "\n".join(
        [
            "<item>",
            f"<title>{_text(item.title)}</title>",
            f'<guid isPermaLink="false">{item.job_id}</guid>',
            f"<pubDate>{format_datetime(item.published_at)}</pubDate>",
            f"<link>{_text(item.magnet)}</link>",
            f"<description>{_text(item.title)} · Size: {item.size} bytes · Seeders: 1</description>",
            f'<enclosure url={_quoted(item.magnet)} length="{item.size}" type="{_ENCLOSURE}"/>',
            *(f'<torznab:attr name="{name}" value={_quoted(value)}/>' for name, value in attributes.items()),
            "</item>",
        ]
    )


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", text))


def _quoted(text: str) -> str:
    return quoteattr(_ILLEGAL.sub("\ufffd", text))
