"""Conditional requests (RFC 9110, section 13): which answer a request with validators gets."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Final

from sluicegate.core.byte_source import ByteSource

__all__ = ["Validators"]

_TAG: Final = re.compile(r'[ \t]*(W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)')
_OPAQUE: Final = re.compile(r"[\x21\x23-\x7e]{1,128}")
_Get = Callable[[bytes], str | None]


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of one representation, in wire form; either may be None."""

    etag: str | None
    modified: datetime | None

    @classmethod
    def of(cls, source: ByteSource) -> "Validators":
        """A source's validators; an ETag that the wire cannot carry is replaced by its digest."""
        opaque = source.etag
        if opaque and not _OPAQUE.fullmatch(opaque):
            opaque = hashlib.sha256(opaque.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        modified = source.modified_at.astimezone(UTC).replace(microsecond=0) if source.modified_at else None
        return cls(f'"{opaque}"' if opaque else None, modified)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """``ETag`` and ``Last-Modified``, as far as known."""
        lines = []
        if self.etag:
            lines.append((b"etag", self.etag.encode("ascii")))
        if self.modified:
            lines.append((b"last-modified", _http_date(self.modified)))
        return lines

    def precondition(self, get: _Get) -> int | None:
        """304 or 412 when the request's conditions demand it, else None; in the order of section 13.2.2."""
        if (match := get(b"if-match")) is not None:
            if not self._matches(match, strong=True):
                return 412
        elif (since := _date(get(b"if-unmodified-since"))) and self.modified and self.modified > since:
            return 412
        if (none_match := get(b"if-none-match")) is not None:
            return 304 if self._matches(none_match, strong=False) else None
        if (since := _date(get(b"if-modified-since"))) and self.modified and self.modified <= since:
            return 304
        return None

    def range_applies(self, if_range: str | None) -> bool:
        """Whether a Range header counts: always without If-Range, else only for this very representation."""
        if if_range is None:
            return True
        if '"' in if_range:
            return self.etag is not None and if_range.strip() == self.etag
        return self.modified is not None and _date(if_range) == self.modified

    def _matches(self, text: str, *, strong: bool) -> bool:
        if text.strip() == "*":
            return True
        return any(tag == self.etag and not (strong and weak) for weak, tag in _TAG.findall(text))


@lru_cache(maxsize=512)
def _http_date(moment: datetime) -> bytes:
    return format_datetime(moment, usegmt=True).encode("ascii")


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
