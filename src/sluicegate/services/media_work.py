"""The steps of one media job: get the bytes, shape them, keep them; each may run twice."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import UnsafeSource
from sluicegate.core.media import (
    DirectBytes,
    FetchedMedia,
    MediaFacts,
    MediaWorkshop,
    ShapedMedia,
)
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaStep
from sluicegate.core.media_targets import LOCAL_STORAGE, MediaTargets
from sluicegate.core.ports import Clock, Storages, UnitOfWorkFactory
from sluicegate.core.users import UserLimits
from sluicegate.services.fair_slots import FairSlots
from sluicegate.services.media_progress import ProgressWriter
from sluicegate.services.media_records import MediaRecords
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.media_stream import MediaStream, as_it_is
from sluicegate.services.media_usage import capped, check_facts
from sluicegate.services.patience import patiently

__all__ = ["MediaSlots", "MediaWork"]


@dataclass(frozen=True, slots=True)
class MediaSlots:
    """How much heavy work this process does at a time: children that read, conversions, uploads."""

    reading: FairSlots
    converting: FairSlots
    uploading: FairSlots


class MediaWork:
    """Takes one job through its steps."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        workshop: MediaWorkshop,
        storages: Storages,
        targets: MediaTargets,
        slots: MediaSlots,
        settling: MediaSettling,
        clock: Clock,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._transactions = transactions
        self._workshop = workshop
        self._storages = storages
        self._slots = slots
        self._clock = clock
        self._gate = gate
        self._progress = ProgressWriter(transactions, settling)
        self._records = MediaRecords(transactions, targets, settling, clock)
        self._stream = MediaStream(self._records, self._progress, workshop, storages, slots.uploading, clock)

    async def run(self, job: MediaJob) -> None:
        """Does all of it. Raises whatever ends or delays the job."""
        await self._gate.check_link(job.url)
        async with self._transactions() as tx:
            limits = await tx.limits.get(job.user_id)
        began = self._clock.monotonic()
        async with self._workshop.open_direct(job.url) as direct:
            looked_ms = self._since(began)
            if direct is not None and as_it_is(direct, job.options):
                facts = MediaFacts(title=job.result.title or direct.name or None, direct=direct.file)
                await self._check(facts, job.options, limits)
                await self._stream.run(job, direct, looked_ms)
                return
            options = capped(job.options, limits)
            clip = None if direct is None else await self._cut(job, direct, options, limits)
        await self._records.note(job.id, precheck_duration_ms=looked_ms)
        await self._by_children(job, options, limits, clip)

    async def _cut(
        self, job: MediaJob, direct: DirectBytes, options: MediaOptions, limits: UserLimits
    ) -> FetchedMedia | None:
        """The part of a plain file that a clip needs; None when there is no clip, or only the whole can be had."""
        if not self._workshop.can_cut(direct, options):
            return None
        await self._accept(job, MediaFacts(title=direct.name or None), options, limits)
        self._workshop.check_room(None)
        async with self._slots.reading.hold(job.user_id), self._progress.step(job.id, MediaStep.DOWNLOADING) as meter:
            found = await self._workshop.cut(direct, options, self._workshop.folder(job.id), on_progress=meter.note)
        if found is not None and limits.max_bytes is not None and found.size > limits.max_bytes:
            raise UnsafeSource("The media is larger than allowed.")
        return found

    async def _by_children(
        self, job: MediaJob, options: MediaOptions, limits: UserLimits, clip: FetchedMedia | None
    ) -> None:
        folder = self._workshop.folder(job.id)
        fetched = clip or await self._fetch(job, options, folder, limits)
        crash_point(CrashPoint.FETCHED)
        await self._records.learnt(job.id, fetched)
        async with self._slots.converting.hold(job.user_id) as waited:
            await self._records.note(job.id, cpu_wait_ms=waited)
            async with self._progress.step(job.id, MediaStep.MUXING) as meter:
                shaped = await self._workshop.shape(fetched, options, folder, on_progress=meter.note)
        async with self._slots.uploading.hold(job.user_id) as waited:
            await self._records.note(job.id, upload_wait_ms=waited)
            began = self._clock.monotonic()
            async with self._progress.step(job.id, MediaStep.UPLOADING) as meter:
                meter.total = shaped.size
                keys, retries = await self._keep(job, fetched, shaped)
        crash_point(CrashPoint.KEPT)
        await self._records.complete(
            job.id,
            **keys,
            file_size=shaped.size,
            mux_duration_ms=shaped.mux_ms,
            upload_duration_ms=self._since(began),
            upload_retries=job.result.upload_retries + retries,
            native_video_codec=shaped.native_video_codec,
            native_audio_codec=shaped.native_audio_codec,
            actual_quality=shaped.actual_quality,
        )

    async def _fetch(self, job: MediaJob, options: MediaOptions, folder: Path, limits: UserLimits) -> FetchedMedia:
        """Fetches, and ends the fetch as soon as the page's facts break a limit."""
        told: asyncio.Future[MediaFacts] = asyncio.get_running_loop().create_future()

        def tell(facts: MediaFacts) -> None:
            if not told.done():
                told.set_result(facts)

        self._workshop.check_room(None)
        async with self._slots.reading.hold(job.user_id) as waited:
            await self._records.note(job.id, io_wait_ms=waited)
            async with self._progress.step(job.id, MediaStep.DOWNLOADING) as meter:
                fetch: asyncio.Task[FetchedMedia] = asyncio.create_task(
                    self._workshop.fetch(
                        job.url,
                        options,
                        folder,
                        on_progress=meter.note,
                        on_facts=tell,
                        max_bytes=limits.max_bytes,
                    )
                )
                try:
                    await asyncio.wait([fetch, told], return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]  # tasks of two kinds
                    if told.done() and not fetch.done():
                        await self._accept(job, told.result(), options, limits)
                        self._workshop.check_room(told.result().filesize_approx)
                    return await fetch
                finally:
                    fetch.cancel()
                    await asyncio.wait({fetch})

    async def _accept(self, job: MediaJob, facts: MediaFacts, options: MediaOptions, limits: UserLimits) -> None:
        """Checks the facts and holds the media's size of the user's quota. Raises QuotaExceeded."""
        await self._check(facts, options, limits)
        size = facts.direct.size if facts.direct is not None else facts.filesize_approx
        if size:
            await self._records.reserve(job.id, size)

    async def _check(self, facts: MediaFacts, options: MediaOptions, limits: UserLimits) -> None:
        """Checks the facts against the operator's blocklist and the user's limits. Raises QuotaExceeded."""
        await self._gate.check_names([facts.title] if facts.title else [])
        check_facts(facts, options, limits)

    async def _keep(
        self, job: MediaJob, fetched: FetchedMedia, shaped: ShapedMedia
    ) -> tuple[dict[str, str | None], int]:
        """Stores the file under a key that was written down first, so that a second run finds its own file."""
        title = job.result.title or fetched.facts.title
        key = await self._records.claim_key(job, title, shaped.container)
        storage = self._storages.get(job.storage or LOCAL_STORAGE)
        _, retries = await patiently(lambda: storage.adopt(key, shaped.path, size=shaped.size))
        stem = key.rpartition(".")[0]
        subtitle = await self._keep_beside(job, f"{stem}{_language_suffix(fetched.subtitle)}", fetched.subtitle)
        thumbnail = await self._keep_beside(job, f"{stem}{_suffix(fetched.thumbnail)}", fetched.thumbnail)
        return {"subtitle_key": subtitle, "thumbnail_key": thumbnail}, retries

    async def _keep_beside(self, job: MediaJob, key: str, path: Path | None) -> str | None:
        if path is None:
            return None
        size = (await asyncio.to_thread(path.stat)).st_size if await asyncio.to_thread(path.exists) else 0
        if size:
            storage = self._storages.get(job.storage or LOCAL_STORAGE)
            await patiently(lambda: storage.adopt(key, path, size=size))
        return key

    def _since(self, began: float) -> int:
        return round((self._clock.monotonic() - began) * 1000)


def _suffix(path: Path | None) -> str:
    return path.suffix if path is not None else ""


def _language_suffix(path: Path | None) -> str:
    """``.en.vtt`` of ``name.en.vtt``: the language stays in the key (sheet, section 11.8)."""
    return "".join(path.suffixes[-2:]) if path is not None else ""
