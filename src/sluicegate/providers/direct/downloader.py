"""All downloads of this process: takes links, runs a bounded number at a time, and goes on after a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import SlotsFull, SourceRejected, TransferMissing, UpstreamUnavailable
from sluicegate.core.ports import Clock
from sluicegate.core.web_links import link_hash
from sluicegate.net.http import Http
from sluicegate.providers.direct.download import Download
from sluicegate.providers.direct.options import DirectOptions
from sluicegate.providers.direct.probe import Facts, probe
from sluicegate.providers.direct.records import Phase, Record, Records
from sluicegate.providers.direct.threads import in_thread

__all__ = ["Downloader"]


class Downloader:
    """Downloads plain links into one folder. Whoever makes it calls ``start`` once and ``aclose`` at the end.

    Args:
        http: the door out; it stays open when the downloader closes.
        options: what the operator decided.
        clock: tells when a download was handed in.
        lock_patience: seconds that ``start`` waits for a process that holds the folder and is on its way out.
    """

    def __init__(
        self, http: Http, options: DirectOptions, clock: Clock | None = None, *, lock_patience: float = 10.0
    ) -> None:
        self.options = options
        self._http = http
        self._clock = clock or SystemClock()
        self._records = Records(options.folder)
        self._lock_patience = lock_patience
        self._lock: IO[str] | None = None
        self._downloads: dict[str, Download] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(options.max_active)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._entrances: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> None:
        """Takes the folder and goes on with everything that is recorded in it.

        Raises:
            UpstreamUnavailable: another process holds the folder.
        """
        self._lock = await in_thread(self._records.take, self._lock_patience)
        for record in await in_thread(self._records.load):
            self._enter(record)

    async def submit(self, url: str) -> tuple[Download, bool]:
        """The download of this link, and whether it was there before. A failed one starts anew.

        Raises:
            FileGone, SourceRejected, ForbiddenAddress, UpstreamError: the host's first answer, nothing is kept.
            SlotsFull: too many downloads wait already.
        """
        transfer_id = link_hash(url)
        async with self._entrance(transfer_id):
            known = self._downloads.get(transfer_id)
            if known is not None and known.record.phase is not Phase.FAILED:
                return known, True
            if known is not None:
                await self._remove(transfer_id)
            return await self._new(transfer_id, url), False

    def all(self) -> list[Download]:
        """Every download, newest first."""
        return sorted(self._downloads.values(), key=lambda each: each.record.added_at, reverse=True)

    def get(self, transfer_id: str) -> Download:
        """One download.

        Raises:
            TransferMissing: there is none of that id.
        """
        try:
            return self._downloads[transfer_id]
        except KeyError:
            raise TransferMissing("There is no such download here.", provider="direct") from None

    def location(self, record: Record) -> Path:
        """Absolute path of a download's bytes."""
        return self._records.part(record).absolute()

    async def remove(self, transfer_id: str) -> None:
        """Ends a download and deletes what it has on disk; one that is not there is fine."""
        async with self._entrance(transfer_id):
            await self._remove(transfer_id)

    async def aclose(self) -> None:
        """Pauses everything, saves it and gives the folder back; idempotent."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _new(self, transfer_id: str, url: str) -> Download:
        if self._lock is None:
            raise UpstreamUnavailable("Downloads are not running in this process.", provider="direct")
        if len(self._downloads) >= self.options.max_transfers:
            raise SlotsFull(
                f"There are {len(self._downloads):,} downloads already, the most allowed.", provider="direct"
            )
        async with self._host(url):
            facts = await probe(self._http, url, idle_timeout=self.options.idle_timeout)
        self._check_size(facts)
        folder = await in_thread(self._records.new_folder, transfer_id)
        record = Record(
            id=transfer_id,
            url=url,
            folder=folder,
            added_at=self._clock.now().timestamp(),
            name=facts.name,
            size=facts.size,
            ranges=facts.ranges,
            validator=facts.validator,
            mime_type=facts.mime_type,
            segments=[],
        )
        record.segments = Download.segments_for(record, self.options)
        await in_thread(self._records.save, record)
        return self._enter(record)

    def _enter(self, record: Record) -> Download:
        def connection() -> contextlib.AbstractAsyncContextManager[object]:
            return self._host(record.url)

        download = Download(self._http, self.options, self._records, record, connection)
        self._downloads[record.id] = download
        if record.phase is Phase.OPEN:
            self._tasks[record.id] = asyncio.create_task(self._run(download), name=f"download {record.id[:8]}")
        return download

    async def _run(self, download: Download) -> None:
        try:
            async with self._slots:
                await download.run()
        finally:
            if self._tasks.get(download.record.id) is asyncio.current_task():
                del self._tasks[download.record.id]

    async def _remove(self, transfer_id: str) -> None:
        download = self._downloads.pop(transfer_id, None)
        task = self._tasks.pop(transfer_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if download is not None:
            await in_thread(self._records.delete, download.record)

    def _check_size(self, facts: Facts) -> None:
        if facts.size is not None and facts.size > self.options.max_bytes:
            raise SourceRejected(
                f"The file has {facts.size:,} bytes; at most {self.options.max_bytes:,} are allowed here.",
                provider="direct",
                action="Let the operator raise the limit, or use another source.",
            )

    @contextlib.asynccontextmanager
    async def _host(self, url: str) -> AsyncIterator[None]:
        """A place among the connections to the link's host."""
        name = urlsplit(url).netloc
        places = self._hosts.get(name)
        if places is None:
            places = self._hosts[name] = asyncio.Semaphore(self.options.per_host)
        async with places:
            yield

    @contextlib.asynccontextmanager
    async def _entrance(self, transfer_id: str) -> AsyncIterator[None]:
        """One submission or removal of one id at a time."""
        lock = self._entrances.get(transfer_id)
        if lock is None:
            lock = self._entrances[transfer_id] = asyncio.Lock()
        async with lock:
            yield
