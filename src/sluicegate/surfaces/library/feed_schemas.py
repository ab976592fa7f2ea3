"""Wire shapes of feeds (library sheet, sections 9.1 and 9.2). Fields beyond the contract are named as ours."""

from datetime import UTC, datetime

import msgspec

from sluicegate.core.feeds import INTERVAL_DEFAULT, Feed, PollReport, Quality, SeenItem
from sluicegate.core.keys import Key
from sluicegate.services.feeds import FeedChange

__all__ = [
    "FeedBody",
    "FeedItemBody",
    "FeedItemPageBody",
    "FeedPageBody",
    "FeedPatchBody",
    "FeedRequestBody",
    "LinkKeyBody",
    "LinkKeyPageBody",
    "LinkKeyRequestBody",
    "NewLinkKeyBody",
    "PollBody",
    "change_of",
    "feed_body",
    "item_body",
    "link_key_body",
    "poll_body",
]


class FeedRequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/rss-feeds``; ``enabled`` is ours."""

    name: str
    url: str
    filter_regex: str | None = None
    filter_quality: str | None = None
    poll_interval_seconds: int | None = None
    enabled: bool = True


class FeedPatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /v1/rss-feeds/{id}``: fields that are left out keep their value, null means the default."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    url: str | msgspec.UnsetType = msgspec.UNSET
    filter_regex: str | msgspec.UnsetType | None = msgspec.UNSET
    filter_quality: str | msgspec.UnsetType | None = msgspec.UNSET
    poll_interval_seconds: int | msgspec.UnsetType | None = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class FeedBody(msgspec.Struct, kw_only=True):
    """A feed; from ``next_poll_at`` on the fields are ours.

    Attributes:
        last_error: why it could not be read the last time, null after a success.
        failures: how often in a row it could not be read; each time doubles the pause, up to a day.
    """

    id: str
    name: str
    url: str
    filter_regex: str | None
    filter_quality: str
    poll_interval_seconds: int
    enabled: bool
    last_polled_at: str | None
    last_error: str | None
    created_at: str
    next_poll_at: str
    failures: int
    updated_at: str


class FeedPageBody(msgspec.Struct):
    """A page of feeds, oldest first."""

    items: list[FeedBody]
    limit: int
    offset: int


class FeedItemBody(msgspec.Struct, kw_only=True):
    """What was made of one item of a feed (ours).

    Attributes:
        verdict: ``submitted``, ``duplicate``, ``backlog``, ``filtered``, ``refused`` or ``retry``.
        reason: why, in plain words.
    """

    title: str
    verdict: str
    reason: str
    info_hash: str | None
    job_id: str | None
    seen_at: str


class FeedItemPageBody(msgspec.Struct):
    """A page of decisions, newest first."""

    items: list[FeedItemBody]
    limit: int
    offset: int


class PollBody(msgspec.Struct):
    """What a manual poll did; ``deferred`` and ``unchanged`` are ours."""

    fetched: int
    matched: int
    submitted: int
    skipped: int
    error: str | None
    deferred: int
    unchanged: bool


class LinkKeyRequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/link-keys`` (ours): ``kind`` is ``feed`` or ``stremio``."""

    kind: str
    label: str = ""


class LinkKeyBody(msgspec.Struct, kw_only=True):
    """A key that stands in a URL, without its secret."""

    id: str
    kind: str
    key_prefix: str
    label: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class NewLinkKeyBody(LinkKeyBody, kw_only=True):
    """A new one with the URL that it stands in, which is shown this once."""

    url: str


class LinkKeyPageBody(msgspec.Struct):
    """A page of them, newest first."""

    items: list[LinkKeyBody]
    limit: int
    offset: int


def change_of(body: FeedRequestBody | FeedPatchBody) -> FeedChange:
    """What a request wants changed; null is the default of its field."""
    interval = body.poll_interval_seconds
    if isinstance(body, FeedPatchBody) and interval is None:
        interval = INTERVAL_DEFAULT
    return FeedChange(
        name=_told(body.name),
        url=_told(body.url),
        filter_regex=_told("" if body.filter_regex is None else body.filter_regex),
        filter_quality=_told(str(Quality.ANY) if body.filter_quality is None else body.filter_quality),
        interval=None if isinstance(interval, msgspec.UnsetType) else interval,
        enabled=None if isinstance(body.enabled, msgspec.UnsetType) else body.enabled,
    )


def feed_body(feed: Feed) -> FeedBody:
    """A feed as its owner sees it."""
    return FeedBody(
        id=str(feed.id),
        name=feed.name,
        url=feed.url,
        filter_regex=feed.filter_regex or None,
        filter_quality=str(feed.filter_quality),
        poll_interval_seconds=feed.interval,
        enabled=feed.enabled,
        last_polled_at=_instant(feed.last_polled_at) if feed.last_polled_at else None,
        last_error=feed.last_error or None,
        created_at=_instant(feed.created_at),
        next_poll_at=_instant(feed.next_poll_at),
        failures=feed.failures,
        updated_at=_instant(feed.updated_at),
    )


def item_body(item: SeenItem) -> FeedItemBody:
    """A decision."""
    return FeedItemBody(
        title=item.title,
        verdict=str(item.verdict),
        reason=item.reason,
        info_hash=item.info_hash or None,
        job_id=str(item.job_id) if item.job_id else None,
        seen_at=_instant(item.seen_at),
    )


def poll_body(report: PollReport) -> PollBody:
    """The counts of a poll."""
    return PollBody(
        report.fetched,
        report.matched,
        report.submitted,
        report.skipped,
        report.error,
        report.deferred,
        report.unchanged,
    )


def link_key_body(key: Key) -> LinkKeyBody:
    """A key without its secret."""
    return LinkKeyBody(
        id=str(key.id),
        kind=str(key.kind),
        key_prefix=key.prefix,
        label=key.label,
        created_at=_instant(key.created_at),
        last_used_at=_instant(key.last_used_at) if key.last_used_at else None,
        revoked_at=_instant(key.revoked_at) if key.revoked_at else None,
    )


def _told(value: str | msgspec.UnsetType) -> str | None:
    return None if isinstance(value, msgspec.UnsetType) else value


def _instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
