"""Why extraction failed, read from classes and fields of the exceptions, never from their text.

The text of an error that a site meant for people is quoted to people, cleaned of addresses; nothing decides on it.
"""

import errno
import re
import time
from collections.abc import Iterator
from typing import Any, Final

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from sluicegate.core.errors import (
    ExtractionFailed,
    ForbiddenAddress,
    MediaRestricted,
    NoMedia,
    NotReady,
    SluicegateError,
    StorageFull,
    UnsafeSource,
)
from sluicegate.media.extractor.refusal import Refusal

__all__ = ["REFUSED_HEADER", "explain", "not_begun"]

REFUSED_HEADER: Final = "X-Sluicegate-Refused"
"""Our forward proxy marks its own refusals with it, so that they are not taken for the site's."""

_REFUSALS: Final = {
    "address": ForbiddenAddress("The page leads to an address that may not be reached from here."),
    "limit": UnsafeSource("The media is larger than allowed."),
}
_MAX_CAUSES: Final = 50
_GONE: Final = frozenset({401, 402, 404, 410, 451})
_ADDRESS: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def explain(error: BaseException) -> SluicegateError:
    """The error of the core for whatever yt-dlp raised: the most telling of all its causes."""
    causes = list(_causes(error))
    for explanation in (_refusal, _limit, _page, _server):
        for cause in causes:
            if found := explanation(cause):
                return found
    return _site(causes)


def not_begun(begins: float | None) -> NotReady:
    """A broadcast that is announced for ``begins`` (seconds since 1970, None when the site does not say)."""
    wait = max(begins - time.time(), 10.0) if begins else 60.0
    return NotReady("The broadcast has not begun yet.", retry_after=wait)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and everything that led to it, through Python's links and yt-dlp's own ones."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_CAUSES:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, getattr(current, "cause", None)]
        waiting += list(getattr(current, "exc_info", None) or ())
        waiting += list(getattr(current, "unexpected_errors", ()))
        waiting.append(getattr(current, "reason", None))


def _refusal(cause: BaseException) -> SluicegateError | None:
    return cause.error if isinstance(cause, Refusal) else None


def _limit(cause: BaseException) -> SluicegateError | None:
    if isinstance(cause, MemoryError | RecursionError):
        return UnsafeSource("The page or playlist needs more memory than allowed.")
    if isinstance(cause, OSError) and cause.errno == errno.EFBIG:
        return UnsafeSource("The media is larger than allowed.")
    if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull("The disk of the work folder is full.")
    return None


def _page(cause: BaseException) -> SluicegateError | None:
    if isinstance(cause, GeoRestrictedError):
        return MediaRestricted("The media is not available in this region.")
    if isinstance(cause, UnsupportedError):
        return NoMedia()
    if isinstance(cause, UserNotLive):
        return not_begun(None)
    return None


def _server(cause: BaseException) -> SluicegateError | None:
    """What a server's status says; a refusal of our own proxy is told by its header."""
    if not isinstance(cause, HTTPError):
        return None
    if reason := cause.response.get_header(REFUSED_HEADER):
        return _REFUSALS.get(str(reason), _REFUSALS["address"])
    if 300 <= cause.status < 400:
        return UnsafeSource("The address redirects in circles or to something that is neither http nor https.")
    if cause.status in _GONE:
        return MediaRestricted(f"The media is gone or closed to the public (the server answered {cause.status}).")
    wait = str(cause.response.get_header("Retry-After") or "")
    return ExtractionFailed(
        f"The site's server answered {cause.status}.", retry_after=float(wait) if wait.isdecimal() else None
    )


def _site(causes: list[BaseException]) -> SluicegateError:
    """An extractor calls an error expected when the site itself gives the reason; all others are faults."""
    for cause in causes:
        if isinstance(cause, ExtractorError) and cause.expected and cause.cause is None:
            return MediaRestricted(f"The site does not give this media out: {_quoted(cause.orig_msg)}")
    return ExtractionFailed("The page or its media could not be read.")


def _quoted(text: str) -> str:
    clean = "".join(letter if letter.isprintable() else " " for letter in _ADDRESS.sub("(address)", text))
    return " ".join(clean.split())[:300] or "no reason given."
