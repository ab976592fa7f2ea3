"""Polling: a feed is read, each new item is decided on once, and what is wanted becomes a job like any other.

Rules (library sheet, section 9.1, and ours): what a feed lists when it is first read is backlog unless it is dated
after the feed was added. An item that a filter refuses is remembered, so loosening the filter brings nothing old. An
item that cannot be taken now (a limit, a file that cannot be fetched) is not forgotten, and then the feed's validators
are not kept either, or the next poll would hear "not changed".
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.documents import Document, DocumentReader, NotChanged, Redirected
from sluicegate.core.errors import (
    AccessDenied,
    InternalError,
    InvalidInput,
    LimitReached,
    MalformedSource,
    NotFound,
    NotReady,
    Retry,
    SluicegateError,
    UpstreamError,
)
from sluicegate.core.feed_documents import read_feed
from sluicegate.core.feed_items import FeedDocument, FeedEntry, keyed
from sluicegate.core.feeds import Feed, FeedFilter, PollReport, SeenItem, Verdict
from sluicegate.core.ports import Clock, Task, UnitOfWorkFactory
from sluicegate.core.sources import Magnet
from sluicegate.services.feed_sources import FeedSources
from sluicegate.services.submit import SubmitService, source_hash
from sluicegate.services.task_kinds import FEED

__all__ = ["FeedPoller"]

_log: Final = logging.getLogger(__name__)

_FEED_MAX: Final = 8 << 20
_FETCH_SECONDS: Final = 15.0
_LEASE: Final = timedelta(seconds=30)
"""So long after a process has died its feeds may be polled by another one."""
_HOLD_SECONDS: Final = 10.0
_GRABS_MAX: Final = 20
"""Jobs that one poll makes; the rest of a flood comes with the next polls."""
_ATTEMPTS_MAX: Final = 5
_BACK_OFF_MAX: Final = timedelta(days=1)
_KEEP: Final = 5_000
_PARSERS: Final = 2
_DUE_AT_ONCE: Final = 200
_AHEAD: Final = timedelta(days=1)
"""Items dated further ahead than this have a wrong date, which proves nothing."""
_ACCEPT: Final = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"


@dataclass(slots=True)
class _Poll:
    """One poll under way."""

    feed: Feed
    now: datetime
    report: PollReport = field(default_factory=PollReport)
    complete: bool = True
    """False when an item was left for later."""


class FeedPoller:
    """Polls feeds."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        reader: DocumentReader,
        submit: SubmitService,
        clock: Clock,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._transactions = transactions
        self._reader = reader
        self._submit = submit
        self._sources = FeedSources(reader)
        self._clock = clock
        self._gate = gate
        self._parsers = asyncio.Semaphore(_PARSERS)

    async def enqueue_due(self) -> int:
        """Makes sure that every feed whose time has come has its task; returns how many were added."""
        async with self._transactions() as tx:
            due = await tx.feeds.due(self._clock.now(), limit=_DUE_AT_ONCE)
            return sum([await tx.tasks.add(Task(FEED, str(feed_id), again=False)) for feed_id in due])

    async def poll_due(self, feed_id: UUID) -> None:
        """Polls a feed in its turn; one that is gone, switched off, not due or being polled is left alone."""
        try:
            async with self._transactions() as tx:
                feed = await tx.feeds.get(feed_id)
            if feed.enabled and feed.next_poll_at <= self._clock.now():
                await self.poll(feed_id)
        except (NotFound, NotReady):
            return

    async def poll(self, feed_id: UUID, *, user_id: UUID | None = None) -> PollReport:
        """Polls a feed now, whether it is due or not.

        Returns:
            What it did; a feed that cannot be read is told in ``error``.

        Raises:
            NotFound: unknown, or not of ``user_id``.
            NotReady: it is being polled right now.
        """
        now = self._clock.now()
        async with self._transactions() as tx:
            feed = await tx.feeds.get(feed_id, user_id=user_id)
            if not await tx.feeds.claim(feed_id, now=now, until=now + _LEASE):
                raise NotReady("This feed is being polled right now.", action="Look again in a moment.", retry_after=5)
        poll = _Poll(feed, now)
        error: SluicegateError | None = None
        try:
            async with self._held(feed_id):
                await self._read(poll)
        except SluicegateError as failure:
            error = failure
        except Exception:  # a fault of ours is told at the feed and goes on
            await self._settle(poll, InternalError())
            raise
        except BaseException:  # being stopped is not the feed's fault
            await self._settle(poll, None, blame=False)
            raise
        crash_point(CrashPoint.FEED_READ)
        await self._settle(poll, error)
        return poll.report

    @asynccontextmanager
    async def _held(self, feed_id: UUID) -> AsyncIterator[None]:
        """Keeps others from a feed for as long as this process lives and reads it."""

        async def hold() -> None:
            while True:
                await asyncio.sleep(_HOLD_SECONDS)
                # A database that is away for a moment costs at most a second poll, which brings nothing twice.
                with suppress(SluicegateError):  # see above
                    async with self._transactions() as tx:
                        await tx.feeds.hold(feed_id, until=self._clock.now() + _LEASE)

        holder = asyncio.create_task(hold())
        try:
            yield
        finally:
            holder.cancel()
            await asyncio.gather(holder, return_exceptions=True)

    async def _read(self, poll: _Poll) -> None:
        feed = poll.feed
        found = await self._reader.read(
            feed.url,
            limit=_FEED_MAX,
            seconds=_FETCH_SECONDS,
            accept=_ACCEPT,
            etag=feed.etag,
            last_modified=feed.last_modified,
        )
        match found:
            case NotChanged():
                poll.report.unchanged = True
            case Redirected():
                raise MalformedSource("The address leads to a magnet, not to a feed.", action="Use the feed's address.")
            case Document():
                async with self._parsers:
                    document = await asyncio.to_thread(read_feed, found.body)
                await self._decide_all(poll, document)
                kept = found if poll.complete else Document(b"")
                poll.feed = replace(
                    poll.feed,
                    etag=kept.etag,
                    last_modified=kept.last_modified,
                    primed_at=poll.feed.primed_at or poll.now,
                )

    async def _decide_all(self, poll: _Poll, document: FeedDocument) -> None:
        entries = keyed(document.entries)
        poll.report.fetched = len(document.entries)
        poll.report.skipped = len(document.entries) - len(entries)
        async with self._transactions() as tx:
            seen = await tx.feeds.seen(poll.feed.id, list(entries))
        wanted = FeedFilter(poll.feed)
        plain: list[SeenItem] = []
        # Feeds list the newest first; the oldest is taken first, so that a flood is worked off in its order.
        for key, entry in reversed(entries.items()):
            old = seen.get(key)
            if old is not None and old.verdict is not Verdict.RETRY:
                continue
            verdict, reason = self._filtered(poll, entry, wanted)
            if verdict is not None:
                plain.append(self._item(poll, key, entry, verdict, reason))
                poll.report.skipped += 1
                continue
            poll.report.matched += 1
            await self._take(poll, key, entry, old.attempts if old else 0)
        async with self._transactions() as tx:
            await tx.feeds.mark(plain)

    def _filtered(self, poll: _Poll, entry: FeedEntry, wanted: FeedFilter) -> tuple[Verdict | None, str]:
        if poll.feed.primed_at is None and not _is_newer(entry, poll.feed, poll.now):
            return Verdict.BACKLOG, "It was listed before this feed was added."
        objection = wanted.objection(entry.title)
        return (Verdict.FILTERED, objection) if objection else (None, "")

    async def _take(self, poll: _Poll, key: bytes, entry: FeedEntry, attempts: int) -> None:
        """Makes a job of an item, or remembers why not."""
        if poll.report.submitted >= _GRABS_MAX:
            self._defer(poll)
            return
        try:
            item = await self._grab(poll, key, entry)
        except (LimitReached, AccessDenied):
            # The user is at a limit: the item comes again with the next poll, without being counted as tried.
            self._defer(poll)
            return
        except UpstreamError as error:
            item = self._not_fetched(poll, key, entry, error, attempts + 1)
        except InvalidInput as error:
            item = self._item(poll, key, entry, Verdict.REFUSED, error.detail)
        if item.verdict is Verdict.SUBMITTED:
            poll.report.submitted += 1
        else:
            poll.report.skipped += 1
        async with self._transactions() as tx:
            await tx.feeds.mark([item])

    async def _grab(self, poll: _Poll, key: bytes, entry: FeedEntry) -> SeenItem:
        await self._gate.check_names([entry.title])
        if entry.file_url:
            await self._gate.check_link(entry.file_url)
        source = await self._sources.find(entry)
        if isinstance(source, Magnet) and not source.name:
            source = replace(source, name=entry.title)
        info_hash = source_hash(source)
        async with self._transactions() as tx:
            known = await tx.feeds.grabbed(poll.feed.user_id, info_hash)
        if known:
            reason = "One of your feeds has brought this content before."
            return self._item(poll, key, entry, Verdict.DUPLICATE, reason, info_hash)
        job, created = await self._submit.submit(poll.feed.user_id, source, patience=0, cached_in="rss")
        verdict = Verdict.SUBMITTED if created else Verdict.DUPLICATE
        reason = "" if created else "Your library has this content already."
        return replace(self._item(poll, key, entry, verdict, reason, info_hash), job_id=job.id)

    def _not_fetched(self, poll: _Poll, key: bytes, entry: FeedEntry, error: UpstreamError, attempts: int) -> SeenItem:
        if error.retry is Retry.NEVER or attempts >= _ATTEMPTS_MAX:
            return self._item(poll, key, entry, Verdict.REFUSED, error.detail)
        poll.complete = False
        return replace(self._item(poll, key, entry, Verdict.RETRY, error.detail), attempts=attempts)

    def _defer(self, poll: _Poll) -> None:
        poll.report.deferred += 1
        poll.complete = False

    def _item(
        self, poll: _Poll, key: bytes, entry: FeedEntry, verdict: Verdict, reason: str, info_hash: str = ""
    ) -> SeenItem:
        return SeenItem(poll.feed.id, key, entry.title, verdict, poll.now, reason, info_hash)

    async def _settle(self, poll: _Poll, error: SluicegateError | None, *, blame: bool = True) -> None:
        """Writes what the poll found out about the feed itself, onto whatever its owner has changed meanwhile."""
        old, now = poll.feed, self._clock.now()
        async with self._transactions() as tx:
            try:
                current = await tx.feeds.get(old.id, lock=True)
            except NotFound:
                return  # removed while it was polled
            new = replace(current, polling_until=None)
            if blame and current.url == old.url:
                new = self._after_failure(new, now, error) if error else self._after_success(new, old, now)
            await tx.feeds.update(new)
            if error is None:
                await tx.feeds.forget(old.id, keep=_KEEP)
        if error is not None:
            poll.report.error = f"{error.detail} {error.action}".strip()
            _log.info("feed %s could not be polled: %s", old.id, error.code)

    def _after_success(self, new: Feed, polled: Feed, now: datetime) -> Feed:
        return replace(
            new,
            etag=polled.etag,
            last_modified=polled.last_modified,
            primed_at=polled.primed_at,
            last_polled_at=now,
            next_poll_at=now + timedelta(seconds=new.interval),
            failures=0,
            last_error="",
        )

    def _after_failure(self, new: Feed, now: datetime, error: SluicegateError) -> Feed:
        """Twice as long after each failure, and at least as long as the remote side asks for; a day at most."""
        own = timedelta(seconds=new.interval) * (1 << min(new.failures, 12))
        pause = max(own, timedelta(seconds=min(error.retry_after or 0.0, 86_400.0)))
        return replace(
            new,
            last_polled_at=now,
            next_poll_at=now + min(pause, max(_BACK_OFF_MAX, timedelta(seconds=new.interval))),
            failures=new.failures + 1,
            last_error=f"{error.detail} {error.action}".strip(),
        )


def _is_newer(entry: FeedEntry, feed: Feed, now: datetime) -> bool:
    at = entry.published_at
    return at is not None and feed.created_at < at <= now + _AHEAD
