"""An item of a feed as it was read, and how it is told apart from others."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

__all__ = ["FeedDocument", "FeedEntry", "keyed"]

_TORRENT_TYPES: Final = ("application/x-bittorrent", "application/x-torrent")
_NZB_TYPE: Final = "application/x-nzb"
_MAGNET: Final = re.compile(r"magnet:\?[^\s\"'<>\]\)]{1,8000}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One item, as its feed tells it; every text is untrusted and bounded.

    Attributes:
        guid: the feed's own identifier, or empty.
        link: where the item leads: a page, a magnet or a file.
        enclosure: address of the attached file, or empty.
        enclosure_type: its media type as told.
        magnet: a magnet in an attribute (``torznab:attr``, ``torrent:magnetURI``), or empty.
        info_hash: a hash in an attribute, or empty.
        text: description and content, for a magnet within.
        published_at: aware, or None.
        size: bytes as told, or None.
    """

    title: str = ""
    guid: str = ""
    link: str = ""
    enclosure: str = ""
    enclosure_type: str = ""
    magnet: str = ""
    info_hash: str = ""
    text: str = ""
    published_at: datetime | None = None
    size: int | None = None

    @property
    def found_magnet(self) -> str:
        """The magnet that it names, in the order of the sheet (9.1), or an empty text."""
        for text in (self.enclosure, self.link, self.magnet):
            if text[:7].lower() == "magnet:":
                return text
        inside = _MAGNET.search(self.text)
        return inside[0].replace("&amp;", "&") if inside else ""

    @property
    def file_url(self) -> str:
        """The ``.torrent`` or NZB that it links, or an empty text; a web page is neither."""
        kind = self.enclosure_type.partition(";")[0].strip().lower()
        if self.enclosure and (kind in _TORRENT_TYPES or kind == _NZB_TYPE or _is_file(self.enclosure)):
            return self.enclosure
        return self.link if _is_file(self.link) else ""

    @property
    def identity(self) -> str:
        """What it is recognised by: guid, else link, else what it carries."""
        return self.guid or self.link or self.enclosure or self.magnet or self.info_hash or self.title


@dataclass(frozen=True, slots=True)
class FeedDocument:
    """A feed that was read.

    Attributes:
        entries: in the feed's order.
        cut: there were more than are taken.
    """

    title: str
    entries: tuple[FeedEntry, ...]
    cut: bool = False


def keyed(entries: Sequence[FeedEntry]) -> dict[bytes, FeedEntry]:
    """The entries by 32 bytes that stand for their identity; a repeated one counts once.

    Some feeds give every item the same guid. Then what the item carries decides, or all but the first would be lost.
    """
    found: dict[bytes, FeedEntry] = {}
    for entry in entries:
        key = _digest(entry.identity)
        first = found.get(key)
        if first is not None and _content(first) != _content(entry):
            key = _digest(f"{entry.identity}\n{_content(entry)}")
        found.setdefault(key, entry)
    return found


def _content(entry: FeedEntry) -> str:
    return entry.enclosure or entry.magnet or entry.info_hash or entry.link


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _is_file(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.lower() in {"http", "https"} and parts.path.lower().endswith((".torrent", ".nzb"))
