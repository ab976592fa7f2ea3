"""Reads RSS 2.0, RSS 1.0 and Atom: bytes in, entries out, in time that grows with the bytes and nothing else.

An own reader over expat and not a feed library: those sanitise HTML, guess and fall back to loose parsers whose time
and memory on hostile input nobody bounds, and all that is wanted here are a dozen fields. Nothing can expand: a
document type with declarations of its own and every entity declaration are refused, external ones are never fetched.
What real feeds get wrong is mended once: stray ampersands, HTML entities, control characters, a wrong encoding.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.entities import html5
from typing import Any, Final
from xml.parsers import expat  # the parser itself, without a tree and with every entity refused below

from sluicegate.core.errors import MalformedSource, UnsafeSource
from sluicegate.core.feed_items import FeedDocument, FeedEntry
from sluicegate.core.names import display_text

__all__ = ["ENTRIES_MAX", "read_feed"]

ENTRIES_MAX: Final = 1_000
_DEPTH_MAX: Final = 64
_TEXT_MAX: Final = 16_000
_TITLE_MAX: Final = 500
_IDENTITY_MAX: Final = 4_000
_SPACE: Final = " "
_ROOTS: Final = frozenset({"rss", "feed", "RDF"})
_ITEMS: Final = frozenset({"item", "entry"})
_FIELDS: Final = {
    "title": "title",
    "guid": "guid",
    "id": "guid",
    "pubDate": "date",
    "date": "date",
    "published": "date",
    "updated": "updated",
    "description": "text",
    "summary": "text",
    "encoded": "text",
    "content": "text",
    "magnetURI": "magnet",
    "infoHash": "info_hash",
    "contentLength": "size",
    "size": "size",
}
"""Local names of elements, in whatever namespace, and the field that each of them fills."""
_ATTRIBUTES: Final = {"magneturl": "magnet", "infohash": "info_hash", "size": "size"}
"""``torznab:attr`` and ``newznab:attr``."""
_STRAY: Final = re.compile(r"&(?!(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,31};)?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_PAGE: Final = (b"<!doctype html", b"<html")


def read_feed(raw: bytes) -> FeedDocument:
    """The entries of a feed, at most 1,000.

    Call it in a thread: large feeds take a moment.

    Raises:
        MalformedSource: empty, a web page, no XML, or XML of another kind.
        UnsafeSource: it declares entities or nests too deeply.
    """
    body = raw.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        raise MalformedSource("The feed is empty.", action="Check the address in a browser.")
    if body[:512].lower().startswith(_PAGE):
        raise MalformedSource("There is a web page at this address, not a feed.", action="Use the feed's own address.")
    if not body.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        raise MalformedSource("What is at this address is no RSS or Atom feed.", action="Use the feed's own address.")
    try:
        return _Reader().read(body)
    except expat.ExpatError:
        try:
            return _Reader("utf-8").read(_mended(body))
        except expat.ExpatError as error:
            raise MalformedSource(
                f"The feed is not well-formed XML (line {error.lineno}).", action="Tell whoever publishes it."
            ) from None


class _Enough(Exception):
    """All entries that are taken were read."""


class _Reader:
    """Collects fields while expat reads; one per document."""

    def __init__(self, encoding: str | None = None) -> None:
        self._parser = expat.ParserCreate(encoding, _SPACE)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._entity
        self._parser.ExternalEntityRefHandler = self._entity
        self._path: list[str] = []
        self._fields: dict[str, str] | None = None
        self._item_depth = 0
        self._field = ""
        self._title = ""
        self._entries: list[FeedEntry] = []

    def read(self, body: bytes) -> FeedDocument:
        cut = False
        try:
            self._parser.Parse(body, True)  # noqa: FBT003 - positional in the C signature
        except _Enough:
            cut = True
        except (LookupError, ValueError, UnicodeError) as error:
            raise MalformedSource("The feed is in an encoding that nobody knows.") from error
        return FeedDocument(display_text(self._title, _TITLE_MAX), tuple(self._entries), cut)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(_SPACE)[2]
        if not self._path and local not in _ROOTS:
            raise MalformedSource(f"This is XML of kind '{display_text(local, 40)}', not an RSS or Atom feed.")
        self._path.append(local)
        if len(self._path) > _DEPTH_MAX:
            raise UnsafeSource(f"This feed nests elements more than {_DEPTH_MAX} deep.")
        if self._fields is None:
            if local in _ITEMS:
                self._begin()
        elif len(self._path) == self._item_depth + 1:
            self._inside(local, attributes)

    def _begin(self) -> None:
        if len(self._entries) >= ENTRIES_MAX:
            raise _Enough
        self._fields, self._item_depth = {}, len(self._path)

    def _inside(self, local: str, attributes: dict[str, str]) -> None:
        """A child of an item: some say everything in attributes, the others in their text."""
        fields = self._fields if self._fields is not None else {}
        if local == "attr":
            field = _ATTRIBUTES.get(attributes.get("name", "").lower())
            if field:
                fields.setdefault(field, attributes.get("value", "")[:_TEXT_MAX])
        elif local == "enclosure":
            _enclose(fields, attributes.get("url", ""), attributes)
        elif local == "link" and "href" in attributes:
            if attributes.get("rel", "alternate") == "enclosure":
                _enclose(fields, attributes["href"], attributes)
            elif attributes.get("rel", "alternate") == "alternate":
                fields.setdefault("link", attributes["href"][:_TEXT_MAX])
        else:
            self._field = "link" if local == "link" else _FIELDS.get(local, "")
            if self._field in fields and self._field != "text":
                self._field = ""  # the first of several elements counts

    def _text(self, text: str) -> None:
        if self._fields is not None and self._field:
            old = self._fields.get(self._field, "")
            self._fields[self._field] = old + text[: max(0, _TEXT_MAX - len(old))]
        elif self._fields is None and self._path[-1:] == ["title"] and len(self._title) < _TITLE_MAX:
            self._title += text[:_TITLE_MAX]

    def _end(self, _name: str) -> None:
        if self._fields is not None:
            if len(self._path) == self._item_depth:
                self._entries.append(_entry(self._fields))
                self._fields = None
            elif len(self._path) == self._item_depth + 1:
                self._field = ""
        self._path.pop()

    def _doctype(self, _name: str, _system: str | None, _public: str | None, has_internal_subset: int) -> None:
        if has_internal_subset:
            raise UnsafeSource("This feed brings its own document type declarations.")

    def _entity(self, *_: object) -> int:
        raise UnsafeSource("This feed declares XML entities.")


def _enclose(fields: dict[str, str], url: str, attributes: dict[str, str]) -> None:
    if url and "enclosure" not in fields:
        fields["enclosure"] = url[:_TEXT_MAX]
        fields["enclosure_type"] = attributes.get("type", "")[:200]
        fields.setdefault("size", attributes.get("length", "")[:20])


def _entry(fields: dict[str, str]) -> FeedEntry:
    def line(name: str, limit: int = _IDENTITY_MAX) -> str:
        return fields.get(name, "").strip()[:limit]

    return FeedEntry(
        title=display_text(fields.get("title", ""), _TITLE_MAX),
        guid=line("guid"),
        link=line("link", _TEXT_MAX),
        enclosure=line("enclosure", _TEXT_MAX),
        enclosure_type=line("enclosure_type", 200),
        magnet=line("magnet", _TEXT_MAX),
        info_hash=line("info_hash", 100),
        text=fields.get("text", ""),
        published_at=_instant(line("date", 100) or line("updated", 100)),
        size=_size(line("size", 20)),
    )


def _instant(text: str) -> datetime | None:
    """RFC 822 or ISO 8601; a time without a zone is taken for UTC, and one that is none for no time."""
    if not text:
        return None
    found: Any = None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
            break
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    if found is None:
        return None
    try:
        aware: datetime = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return aware


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 16 and int(text) else None


def _mended(body: bytes) -> bytes:
    """The document as UTF-8, with what feeds commonly get wrong put right."""
    declared = _DECLARED.match(body[:400])
    encoding = declared[1].decode() if declared else "utf-8"
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = body.decode(encoding, "replace")
    except (LookupError, ValueError):
        text = body.decode("utf-8", "replace")
    return _STRAY.sub(_entity_text, _CONTROL.sub("", text)).encode("utf-8", "replace")


def _entity_text(match: re.Match[str]) -> str:
    name = match[1]
    if name is None:
        return "&amp;"
    meaning = html5.get(name)
    return "&amp;" + name if meaning is None else meaning.replace("&", "&amp;").replace("<", "&lt;")
