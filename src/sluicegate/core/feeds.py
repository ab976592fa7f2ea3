"""Feeds that people subscribe to: the feed, its filter, and what was made of each item (library sheet, section 9.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.errors import InvalidInput
from sluicegate.core.expressions import Expression

__all__ = [
    "INTERVAL_DEFAULT",
    "INTERVAL_MAX",
    "INTERVAL_MIN",
    "Feed",
    "FeedFilter",
    "FeedRepository",
    "PollReport",
    "Quality",
    "SeenItem",
    "Verdict",
    "check_interval",
]

INTERVAL_MIN: Final = 300
INTERVAL_DEFAULT: Final = 900
INTERVAL_MAX: Final = 7 * 24 * 3600


class Quality(StrEnum):
    """The quality filters of the contract."""

    ANY = "any"
    FULL_HD = "1080p"
    ULTRA_HD = "4k"


_IN_TITLE: Final = {
    Quality.FULL_HD: re.compile(r"\b1080p\b", re.IGNORECASE),
    Quality.ULTRA_HD: re.compile(r"\b(?:2160p|4k|uhd)\b", re.IGNORECASE),
}


class Verdict(StrEnum):
    """What was made of an item."""

    SUBMITTED = "submitted"
    """A job was made for it."""
    DUPLICATE = "duplicate"
    """The user has or had its content already."""
    BACKLOG = "backlog"
    """It was there before the feed was added."""
    FILTERED = "filtered"
    """The feed's own filter does not want it."""
    REFUSED = "refused"
    """It names nothing that can be fetched, or its content is refused here."""
    RETRY = "retry"
    """Its file could not be fetched; it is tried again at the next polls."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One subscription of one user.

    Attributes:
        url: where it is read; it may hold a pass key, so it is kept sealed and in no repr.
        filter_regex: RE2 expression over titles, empty for none.
        interval: seconds between polls.
        primed_at: when it was read for the first time; None until then, and again after its URL was changed.
        next_poll_at: not polled by itself before.
        polling_until: somebody polls it now, at most until then.
        failures: how often in a row it could not be read.
        last_error: why, in plain words; empty after a success.
    """

    id: UUID
    user_id: UUID
    name: str
    url: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    next_poll_at: datetime
    filter_regex: str = ""
    filter_quality: Quality = Quality.ANY
    interval: int = INTERVAL_DEFAULT
    enabled: bool = True
    etag: str = ""
    last_modified: str = ""
    primed_at: datetime | None = None
    last_polled_at: datetime | None = None
    polling_until: datetime | None = None
    failures: int = 0
    last_error: str = ""


class FeedFilter:
    """A feed's filter: both parts must let a title pass."""

    def __init__(self, feed: Feed) -> None:
        self._expression = Expression(feed.filter_regex, field="filter_regex") if feed.filter_regex else None
        self._quality = feed.filter_quality

    def objection(self, title: str) -> str:
        """Why the title is not wanted, or an empty text."""
        if self._expression is not None and not self._expression.matches(title):
            return "The title does not match filter_regex."
        wanted = _IN_TITLE.get(self._quality)
        if wanted is not None and not wanted.search(title):
            return f"The title does not say {self._quality}."
        return ""


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item of a feed that was decided on, kept so that it is decided on once.

    Attributes:
        key: 32 bytes that stand for the item's identity.
        reason: why this verdict, in plain words.
        info_hash: of its content, empty while unknown.
        attempts: how often its file could not be fetched.
    """

    feed_id: UUID
    key: bytes
    title: str
    verdict: Verdict
    seen_at: datetime
    reason: str = ""
    info_hash: str = ""
    job_id: UUID | None = None
    attempts: int = 0


@dataclass(slots=True)
class PollReport:
    """What one poll did, in the counts of the contract and some of ours.

    Attributes:
        fetched: items in the feed; 0 when it has not changed.
        matched: new items that passed the filter.
        submitted: jobs made.
        skipped: new items that made no job, whatever the reason.
        deferred: new items left for the next poll.
        unchanged: the feed is the same as the last time.
        error: why it could not be read, or None.
    """

    fetched: int = 0
    matched: int = 0
    submitted: int = 0
    skipped: int = 0
    deferred: int = 0
    unchanged: bool = False
    error: str | None = None


class FeedRepository(Protocol):
    """Feeds and their seen items."""

    async def add(self, feed: Feed) -> None:
        """Keeps a new feed."""
        ...

    async def get(self, feed_id: UUID, *, user_id: UUID | None = None, lock: bool = False) -> Feed:
        """Raises NotFound, also for a foreign feed."""
        ...

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Feed]:
        """Oldest first."""
        ...

    async def count(self, user_id: UUID) -> int:
        """How many a user has."""
        ...

    async def update(self, feed: Feed) -> None:
        """Writes every changeable field."""
        ...

    async def remove(self, feed_id: UUID) -> None:
        """Deletes a feed and what was seen in it; jobs that it made stay."""
        ...

    async def due(self, now: datetime, *, limit: int) -> list[UUID]:
        """Enabled feeds whose time has come and that nobody polls, longest due first."""
        ...

    async def claim(self, feed_id: UUID, *, now: datetime, until: datetime) -> bool:
        """True when nobody else polls it; then it is ours until then."""
        ...

    async def hold(self, feed_id: UUID, *, until: datetime) -> None:
        """Keeps a claimed feed for longer."""
        ...

    async def seen(self, feed_id: UUID, keys: Sequence[bytes]) -> dict[bytes, SeenItem]:
        """Those of ``keys`` that were decided on; they are noted as still listed, so that they are not forgotten."""
        ...

    async def mark(self, items: Sequence[SeenItem]) -> None:
        """Writes decisions, over older ones."""
        ...

    async def forget(self, feed_id: UUID, *, keep: int) -> None:
        """Deletes all but the ``keep`` items that were listed last."""
        ...

    async def seen_page(self, feed_id: UUID, *, limit: int, offset: int) -> list[SeenItem]:
        """What was decided, newest first."""
        ...

    async def grabbed(self, user_id: UUID, info_hash: str) -> bool:
        """Whether any feed of this user has made a job of this content before."""
        ...


def check_interval(seconds: int) -> int:
    """Raises InvalidInput outside of 5 minutes to 7 days."""
    if not INTERVAL_MIN <= seconds <= INTERVAL_MAX:
        raise InvalidInput(
            f"poll_interval_seconds: {INTERVAL_MIN} to {INTERVAL_MAX:,} seconds are possible.",
            field="poll_interval_seconds",
        )
    return seconds
