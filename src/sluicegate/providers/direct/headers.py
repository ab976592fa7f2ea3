"""What the answer headers of a download say (RFC 9110, RFC 6266), read with distrust."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from sluicegate.core.names import safe_segment

__all__ = ["ContentRange", "Validator", "content_range", "declared_length", "file_name", "retry_after", "validator"]

_CONTENT_RANGE: Final = re.compile(r"\s*bytes\s+(?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)\s*", re.IGNORECASE)
_PARAMETER: Final = re.compile(r""";\s*(filename\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)""", re.IGNORECASE)
_HEADER_MAX: Final = 8_192
_SETTLED_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class ContentRange:
    """A ``Content-Range``: ``first`` and ``last`` inclusive, None in a 416; ``total`` None when it is not told."""

    first: int | None
    last: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Validator:
    """What identifies one version of a file.

    Attributes:
        etag: as sent, weak ones included, or empty.
        modified: ``Last-Modified`` as sent, or empty.
        strong: the text for ``If-Range``, empty when the host names nothing that is exact to the byte.
    """

    etag: str = ""
    modified: str = ""
    strong: str = ""

    @property
    def known(self) -> bool:
        """True when another answer can be compared with this one at all."""
        return bool(self.etag or self.modified)

    def matches(self, other: "Validator") -> bool:
        """False when both name the same thing differently."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified))
        return all(mine == theirs for mine, theirs in pairs if mine and theirs)


def content_range(headers: Mapping[str, str]) -> ContentRange | None:
    """The ``Content-Range``, or None when it is missing or makes no sense."""
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if found is None:
        return None
    first, last, total = (int(text) if text else None for text in found.groups())
    if first is not None and last is not None and (last < first or (total is not None and last >= total)):
        return None
    return ContentRange(first, last, total)


def declared_length(headers: Mapping[str, str]) -> int | None:
    """The ``Content-Length``, or None."""
    text = headers.get("content-length", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def validator(headers: Mapping[str, str]) -> Validator:
    """What identifies this version.

    An ETag without ``W/`` is strong. So is a ``Last-Modified`` at least a minute older than the answer itself (RFC
    9110, 8.8.2.2): a file that was changed just now may change again within the same second.
    """
    etag, modified = headers.get("etag", "").strip(), headers.get("last-modified", "").strip()
    if etag.startswith('"') and etag.endswith('"') and len(etag) > 1:
        return Validator(etag, modified, etag)
    return Validator(etag, modified, modified if _settled(modified, headers.get("date", "")) else "")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the host asks to wait, when it gives them as a number."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def file_name(headers: Mapping[str, str], url: str) -> str:
    """A safe file name: what the host proposes, else the last part of the URL's path, else ``download``."""
    proposed = _proposed(headers.get("content-disposition", "")[:_HEADER_MAX])
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    return safe_segment(_last_part(proposed), "") or safe_segment(_last_part(last), "download")


def _proposed(disposition: str) -> str:
    """``filename*`` before ``filename``, as RFC 6266 wants."""
    names = {key.lower(): value.strip() for key, value in _PARAMETER.findall(disposition)}
    extended = names.get("filename*", "").strip('"')
    coding, _, rest = extended.partition("'")
    text = rest.partition("'")[2]
    if text:
        try:
            return unquote(text, encoding="latin-1" if coding.lower() == "iso-8859-1" else "utf-8", errors="strict")
        except UnicodeDecodeError:
            pass
    return _plain(names.get("filename", ""))


def _plain(value: str) -> str:
    if value.startswith('"') and value.endswith('"') and len(value) > 1:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        # Header text arrives as the bytes it was sent in; most hosts send UTF-8 there, against the letter of the law.
        return value.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return value.encode("utf-8", "replace").decode("utf-8")


def _last_part(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _settled(modified: str, date: str) -> bool:
    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(modified)).total_seconds() >= _SETTLED_SECONDS
    except (ValueError, TypeError):
        return False
