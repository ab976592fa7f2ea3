"""One download: from its segments to a finished file, through faults, full disks and changing files."""

import asyncio
import contextlib
import errno
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from sluicegate.core.errors import Retry, SluicegateError, UpstreamUnavailable
from sluicegate.core.sources import SourceKind
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.net.http import Http
from sluicegate.providers.direct.fetch import Changed, Fetch
from sluicegate.providers.direct.meter import Meter
from sluicegate.providers.direct.options import DirectOptions
from sluicegate.providers.direct.part import Part
from sluicegate.providers.direct.plan import Segment, plan
from sluicegate.providers.direct.probe import Facts, probe
from sluicegate.providers.direct.records import Phase, Record, Records
from sluicegate.providers.direct.threads import in_thread

__all__ = ["Download"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REAL_PROGRESS: Final = 4 * 1024 * 1024
"""Bytes after which a segment's tries are counted anew: a host that breaks every gigabyte is slow, not broken."""

_ROOM_AGAIN: Final = "It goes on by itself when there is room."

_T = TypeVar("_T")
Slot = Callable[[], AbstractAsyncContextManager[object]]


class Download:
    """A download that ``run`` carries to READY or FAILED. Cancelling ``run`` keeps what is there for the next one."""

    def __init__(self, http: Http, options: DirectOptions, records: Records, record: Record, connection: Slot) -> None:
        self.record = record
        self._http = http
        self._options = options
        self._records = records
        self._connection = connection
        self._meter = Meter()
        self._waits: dict[int, str] = {}
        self._running = False
        self._restarts = 0
        self._progress = 0.0

    async def run(self) -> None:
        """Downloads. Errors end in the record, not here."""
        self._running = True
        try:
            part = await Part.open(self._records.part(self.record))
            try:
                await self._complete(part)
            finally:
                part.close()
        except SluicegateError as error:
            await self._fail(error.detail)
        except OSError as error:
            await self._fail(f"The disk refused it: {error.strerror}.")
        finally:
            self._running = False

    def transfer(self) -> Transfer:
        """The download as a transfer."""
        record = self.record
        state, words = self._state()
        if record.size:
            self._progress = max(self._progress, min(record.done / record.size, 1.0))
        return Transfer(
            id=record.id,
            state=state,
            name=record.name,
            kind=SourceKind.WEB,
            size=record.size,
            progress=1.0 if state is TransferState.READY else self._progress,
            speed=None if state.over else self._meter.speed(),
            added_at=datetime.fromtimestamp(record.added_at, UTC),
            detail=words,
        )

    def _state(self) -> tuple[TransferState, str]:
        if self.record.phase is Phase.READY:
            return TransferState.READY, ""
        if self.record.phase is Phase.FAILED:
            return TransferState.FAILED, self.record.words
        if not self._running:
            return TransferState.QUEUED, f"Waiting for one of {self._options.max_active} download slots."
        open_segments = [index for index, segment in enumerate(self.record.segments) if not segment.complete]
        if not open_segments:
            return TransferState.PROCESSING, "All bytes are here; they are being made safe on disk."
        if all(index in self._waits for index in open_segments):
            return TransferState.STALLED, self._waits[open_segments[0]]
        if self._meter.slow_for(self._options.slow_below) > self._options.stall_after:
            words = f"The host sends less than {self._options.slow_below:,} bytes per second. It goes on."
            return TransferState.STALLED, words
        return (
            TransferState.DOWNLOADING,
            f"{len(open_segments)} of {len(self.record.segments)} segments are on their way.",
        )

    async def _complete(self, part: Part) -> None:
        """Fetches until everything is there; starts again from the beginning when the host has another version."""
        while True:
            try:
                async with self._saving(part):
                    await self._fetch_all(part)
                break
            except Changed:
                await self._start_over(part)
        await part.cut(self.record.done)
        await part.sync()
        await self._finish(Phase.READY)

    async def _fetch_all(self, part: Part) -> None:
        limits = {"idle_timeout": self._options.idle_timeout}
        fetch = Fetch(self._http, self.record, part, self._meter, max_bytes=self._options.max_bytes, **limits)
        missing = [(index, segment) for index, segment in enumerate(self.record.segments) if not segment.complete]
        tasks = [asyncio.create_task(self._fetch_segment(fetch, index, segment)) for index, segment in missing]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._waits.clear()

    async def _fetch_segment(self, fetch: Fetch, index: int, segment: Segment) -> None:
        """Fetches a segment to its end; every try goes on at the byte where the last one ended, if the host lets it."""
        counted_at = segment.done

        def gained() -> bool:
            nonlocal counted_at
            if not fetch.resumable or segment.done - counted_at < _REAL_PROGRESS:
                return False
            counted_at = segment.done
            return True

        async def one_try() -> None:
            await self._room(index)
            async with self._connection():
                self._waits.pop(index, None)
                await fetch.run(segment)

        await self._patiently(index, one_try, gained)

    async def _patiently(self, index: int, one_try: Callable[[], Awaitable[_T]], gained: Callable[[], bool]) -> _T:
        """Tries again after faults that may pass, a bounded number of times in a row without gaining anything."""
        failures = 0
        while True:
            try:
                result = await one_try()
            except SluicegateError as error:
                failures = 1 if gained() else failures + 1
                if error.retry is Retry.NEVER or failures >= self._options.attempts or not self._may_wait(error):
                    raise
                await self._pause(index, f"{error.detail} Try {failures + 1} follows.", self._delay(failures, error))
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                await self._pause(index, f"The disk has no space left. {_ROOM_AGAIN}", self._options.disk_retry)
            else:
                self._waits.pop(index, None)
                return result

    async def _room(self, index: int) -> None:
        """Waits while the disk has no room for what is missing."""
        while True:
            usage = await in_thread(shutil.disk_usage, self._records.root)
            missing = max((self.record.size or 0) - self.record.done, 1)
            if missing <= usage.free - self._options.disk_reserve:
                return
            words = f"The disk has no space for it: {missing:,} bytes are still to come. {_ROOM_AGAIN}"
            await self._pause(index, words, self._options.disk_retry)

    async def _pause(self, index: int, words: str, seconds: float) -> None:
        self._waits[index] = words
        await asyncio.sleep(seconds)

    def _may_wait(self, error: SluicegateError) -> bool:
        return (error.retry_after or 0) <= self._options.retry_after_max

    def _delay(self, failures: int, error: SluicegateError) -> float:
        own: float = min(self._options.backoff * 2.0 ** (failures - 1), self._options.backoff_max)
        return max(own, error.retry_after or 0.0)

    async def _start_over(self, part: Part) -> None:
        """Looks at the file afresh. When it never holds still, it is taken in one go."""
        self._restarts += 1
        if self._restarts > self._options.restarts:
            raise UpstreamUnavailable("The file changes on its host faster than it can be fetched.", provider="direct")
        facts = await self._patiently(0, self._probe, lambda: False)
        self.record.size = facts.size
        self.record.validator = facts.validator
        self.record.ranges = facts.ranges and self._restarts < self._options.restarts
        self.record.segments = self.segments_for(self.record, self._options)
        await part.cut(0)
        await in_thread(self._records.save, self.record)

    async def _probe(self) -> Facts:
        async with self._connection():
            return await probe(self._http, self.record.url, idle_timeout=self._options.idle_timeout)

    @staticmethod
    def segments_for(record: Record, options: DirectOptions) -> list[Segment]:
        """Fresh segments: several only where the host honours ranges and names a strong validator."""
        parallel = record.ranges and bool(record.validator.strong)
        return plan(record.size, parallel=parallel, segments=options.segments, segment_min=options.segment_min)

    @contextlib.asynccontextmanager
    async def _saving(self, part: Part) -> AsyncIterator[None]:
        """Saves the state every few seconds, and once more at the end, whatever that is."""
        saver = asyncio.create_task(self._save_regularly(part))
        try:
            yield
        finally:
            saver.cancel()
            await asyncio.gather(saver, return_exceptions=True)
            with contextlib.suppress(OSError):  # what is not written is fetched again
                await self._save(part)

    async def _save_regularly(self, part: Part) -> None:
        while True:
            await asyncio.sleep(self._options.save_every)
            with contextlib.suppress(OSError):  # a full disk: the downloads themselves wait and explain that
                await self._save(part)

    async def _save(self, part: Part) -> None:
        """The state is written down only after the bytes it speaks of are on the device."""
        state = msgspec.json.encode(self.record)
        await part.sync()
        await in_thread(self._records.write, self.record, state)

    async def _fail(self, words: str) -> None:
        with contextlib.suppress(OSError):  # a full disk; the next start finds the same cause
            await self._finish(Phase.FAILED, words)

    async def _finish(self, phase: Phase, words: str = "") -> None:
        """The end is on disk before anybody hears of it."""
        size = self.record.done if phase is Phase.READY else self.record.size
        final = msgspec.structs.replace(self.record, phase=phase, words=words, size=size)
        try:
            await in_thread(self._records.save, final)
        finally:
            self.record.size, self.record.words, self.record.phase = size, words, phase
