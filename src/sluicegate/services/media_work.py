"""The steps of one media job: get the bytes, shape them, keep them; each may run twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import AlreadyExists, InternalError, ObjectMissing, Retry, StorageError, UnsafeSource
from sluicegate.core.media import (
    DirectBytes,
    FetchedMedia,
    MediaFacts,
    MediaProgress,
    MediaWorkshop,
    ShapedMedia,
)
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaResult, MediaState, MediaStep
from sluicegate.core.media_targets import LOCAL_STORAGE, MediaTargets
from sluicegate.core.ports import Clock, Storages, UnitOfWorkFactory
from sluicegate.core.storage import Storage, StoredObject, UploadLog, UploadState
from sluicegate.core.users import UserLimits
from sluicegate.services.fair_slots import FairSlots
from sluicegate.services.media_keys import media_keys
from sluicegate.services.media_progress import Meter, ProgressWriter
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.media_usage import capped, check_facts, reserve

__all__ = ["MediaSlots", "MediaWork"]

_UPLOAD_PAUSES: Final = (1.0, 4.0, 15.0)
_SAME_CONTAINER: Final = {
    "mp4": {"mp4"},
    "mov": {"mov"},
    "mkv": {"mkv"},
    "webm": {"webm"},
    "m4a": {"m4a"},
    "mp3": {"mp3"},
    "ogg": {"ogg", "opus"},
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class MediaSlots:
    """How much heavy work this process does at a time: children that read, conversions, uploads."""

    reading: FairSlots
    converting: FairSlots
    uploading: FairSlots


@dataclass(slots=True)
class _MemoryLog:
    """The state of an upload that is not resumed by another process."""

    state: UploadState | None = None

    async def load(self) -> UploadState | None:
        return self.state

    async def save(self, state: UploadState | None) -> None:
        self.state = state


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
        self._targets = targets
        self._slots = slots
        self._settling = settling
        self._clock = clock
        self._gate = gate
        self._progress = ProgressWriter(transactions, settling)

    async def run(self, job: MediaJob) -> None:
        """Does all of it. Raises whatever ends or delays the job."""
        await self._gate.check_link(job.url)
        async with self._transactions() as tx:
            limits = await tx.limits.get(job.user_id)
        began = self._clock.monotonic()
        async with self._workshop.open_direct(job.url) as direct:
            looked_ms = self._since(began)
            if direct is not None and _as_it_is(direct, job.options):
                await self._stream(job, direct, limits, looked_ms)
                return
            options = capped(job.options, limits)
            clip = None if direct is None else await self._cut(job, direct, options, limits)
        await self._note(job.id, precheck_duration_ms=looked_ms)
        await self._by_children(job, options, limits, clip)

    async def _stream(self, job: MediaJob, direct: DirectBytes, limits: UserLimits, looked_ms: int) -> None:
        """From the host to the storage, straight if it is a bucket: the file is what was asked for already."""
        facts = MediaFacts(title=job.result.title or direct.name or None, direct=direct.file)
        await self._accept(job, facts, job.options, limits)
        began = self._clock.monotonic()
        async with self._progress.step(job.id, MediaStep.DOWNLOADING) as meter:
            key = await self._claim_key(job, facts.title, job.options.container, version=direct.version)
            stored, retries = await self._send(job, key, direct, meter)
        crash_point(CrashPoint.KEPT)
        total_ms = self._since(began)
        # The two sides take turns waiting for each other; what was not spent on the host was spent on the storage.
        download_ms = min(round(direct.waited * 1000), total_ms)
        await self._complete(
            job.id,
            title=facts.title,
            file_size=stored.size,
            download_bytes=direct.received,
            download_duration_ms=download_ms,
            upload_duration_ms=total_ms - download_ms,
            mux_duration_ms=0,
            metadata_duration_ms=0,
            precheck_duration_ms=(job.result.precheck_duration_ms or 0) + looked_ms,
            download_strategy="direct",
            download_retries=job.result.download_retries + direct.retries,
            upload_retries=job.result.upload_retries + retries,
            native_video_codec=direct.streams.video,
            native_audio_codec=direct.streams.audio,
            actual_quality=_quality(direct),
        )

    async def _send(self, job: MediaJob, key: str, direct: DirectBytes, meter: Meter) -> tuple[StoredObject, int]:
        storage = self._storages.get(job.storage or LOCAL_STORAGE)
        if job.stored_key == key and (kept := await _kept(storage, key)) and kept.size == direct.file.size:
            # An earlier run has died between the last byte and the verdict.
            return kept, 0
        if job.storage in {None, LOCAL_STORAGE}:
            return await self._save(job, key, direct, meter)
        log = _MemoryLog()
        if job.attempts > 1:
            await self._same_version(job, key, direct, log)

        async def bytes_from(start: int) -> AsyncIterator[bytes]:
            began, done = self._clock.monotonic(), start
            async for chunk in direct.read(start):
                done += len(chunk)
                speed = (done - start) / max(self._clock.monotonic() - began, 1e-3)
                share = done / direct.file.size if direct.file.size else None
                meter.note(MediaProgress(done=done, total=direct.file.size, speed=speed, fraction=share))
                yield chunk

        # What arrived stays after an error: the job's next try goes on with it, and the sweep drops it when none comes.
        return await _patiently(lambda: storage.send(key, bytes_from, size=direct.file.size, log=log))

    async def _save(self, job: MediaJob, key: str, direct: DirectBytes, meter: Meter) -> tuple[StoredObject, int]:
        """By way of the job's folder, which outlives a crash and is emptied with the job, then moved."""
        self._workshop.check_room(None)
        path = await self._workshop.keep(direct, self._workshop.folder(job.id), on_progress=meter.note)
        storage = self._storages.get(LOCAL_STORAGE)
        return await _patiently(lambda: storage.adopt(key, path, size=direct.file.size or 0))

    async def _same_version(self, job: MediaJob, key: str, direct: DirectBytes, log: UploadLog) -> None:
        """Drops what an earlier try has stored of another version of the file, or of one that cannot be told apart."""
        if direct.version is None or direct.version != job.result.source_version:
            await self._storages.get(job.storage or LOCAL_STORAGE).abandon(key, log)
        async with self._transactions() as tx:
            found = await tx.media_jobs.get(job.id, lock=True)
            result = replace(found.result, source_version=direct.version)
            await tx.media_jobs.update(replace(found, result=result))

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
        await self._learnt(job.id, fetched)
        async with self._slots.converting.hold(job.user_id) as waited:
            await self._note(job.id, cpu_wait_ms=waited)
            async with self._progress.step(job.id, MediaStep.MUXING) as meter:
                shaped = await self._workshop.shape(fetched, options, folder, on_progress=meter.note)
        async with self._slots.uploading.hold(job.user_id) as waited:
            await self._note(job.id, upload_wait_ms=waited)
            began = self._clock.monotonic()
            async with self._progress.step(job.id, MediaStep.UPLOADING) as meter:
                meter.total = shaped.size
                keys, retries = await self._keep(job, fetched, shaped)
        crash_point(CrashPoint.KEPT)
        await self._complete(
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
            await self._note(job.id, io_wait_ms=waited)
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
        """Checks the facts against the user's limits and holds the size of the quota. Raises QuotaExceeded."""
        await self._gate.check_names([facts.title] if facts.title else [])
        check_facts(facts, options, limits)
        size = facts.direct.size if facts.direct is not None else facts.filesize_approx
        if size:
            async with self._transactions() as tx:
                found = await tx.media_jobs.get(job.id, lock=True)
                await tx.media_jobs.update(await reserve(tx, found, size))

    async def _learnt(self, job_id: UUID, fetched: FetchedMedia) -> None:
        facts = fetched.facts
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            result = replace(
                job.result,
                title=facts.title or job.result.title,
                description=facts.description,
                release_date=facts.release_date,
                download_bytes=fetched.size,
                download_duration_ms=fetched.download_ms,
                metadata_duration_ms=fetched.extract_ms,
                subtitle_duration_ms=fetched.subtitle_ms,
                download_strategy=fetched.strategy,
                download_retries=job.result.download_retries + fetched.retries,
            )
            await tx.media_jobs.update(replace(job, result=result))

    async def _note(self, job_id: UUID, **measured: int) -> None:
        """Keeps a measured duration; of several runs of a step, all of them count."""
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            summed: dict[str, Any] = {
                name: (getattr(job.result, name) or 0) + value for name, value in measured.items()
            }
            await tx.media_jobs.update(replace(job, result=replace(job.result, **summed)))

    async def _keep(
        self, job: MediaJob, fetched: FetchedMedia, shaped: ShapedMedia
    ) -> tuple[dict[str, str | None], int]:
        """Stores the file under a key that was written down first, so that a second run finds its own file."""
        title = job.result.title or fetched.facts.title
        key = await self._claim_key(job, title, shaped.container)
        storage = self._storages.get(job.storage or LOCAL_STORAGE)
        _, retries = await _patiently(lambda: storage.adopt(key, shaped.path, size=shaped.size))
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
            await _patiently(lambda: storage.adopt(key, path, size=size))
        return key

    async def _claim_key(self, job: MediaJob, title: str | None, extension: str, *, version: str | None = None) -> str:
        """Gives the job's file a name that no other job's file has; with it the version of the file is noted."""
        if job.stored_key is not None:
            return job.stored_key
        storage = job.storage or LOCAL_STORAGE
        for key in media_keys(job, title, extension, await self._targets.prefix(storage)):
            try:
                async with self._transactions() as tx:
                    found = await tx.media_jobs.get(job.id, lock=True)
                    result = replace(found.result, source_version=version or found.result.source_version)
                    await tx.media_jobs.update(replace(found, storage=storage, stored_key=key, result=result))
                    return key
            except AlreadyExists:
                continue
        raise InternalError("No free name was found for the file.")

    async def _complete(
        self,
        job_id: UUID,
        *,
        subtitle_key: str | None = None,
        thumbnail_key: str | None = None,
        **measured: str | int | None,
    ) -> None:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, lock=True)
            total = round((self._clock.now() - (job.started_at or job.created_at)).total_seconds() * 1000)
            result: MediaResult = replace(job.result, total_duration_ms=max(total, 0), **measured)  # type: ignore[arg-type]  # fields of the result by name
            done = replace(
                job,
                step=MediaStep.FINISHED,
                progress=1.0,
                result=result,
                bytes_done=result.file_size or 0,
                bytes_total=result.file_size,
                subtitle_key=subtitle_key,
                thumbnail_key=thumbnail_key,
            )
            await self._settling.end(tx, done, MediaState.COMPLETED)

    def _since(self, began: float) -> int:
        return round((self._clock.monotonic() - began) * 1000)


async def _kept(storage: Storage, key: str) -> StoredObject | None:
    try:
        return await storage.stat(key)
    except ObjectMissing:
        return None


async def _patiently(attempt: Callable[[], Awaitable[_T]]) -> tuple[_T, int]:
    """Tries again after faults of a storage that may pass; the result, and how many times it had to be repeated."""
    for retries, pause in enumerate(_UPLOAD_PAUSES):
        try:
            return await attempt(), retries
        except StorageError as error:
            if error.retry is not Retry.LATER:
                raise
            await asyncio.sleep(max(pause, error.retry_after or 0.0))
    return await attempt(), len(_UPLOAD_PAUSES)


def _as_it_is(direct: DirectBytes, options: MediaOptions) -> bool:
    """Whether the file is what was asked for, so that nothing but its place has to change."""
    copied = options.video_codec == "copy" and options.audio_codec == "copy"
    uncut = options.clip_start is None and options.clip_end is None and options.max_duration is None
    same = options.container in _SAME_CONTAINER.get(direct.file.container, set())
    if direct.file.container == "ogg":
        same = same and direct.streams.audio == "opus" and direct.streams.video is None
    if options.audio_only:
        same = same and direct.streams.video is None
    return copied and uncut and same and direct.file.size is not None


def _quality(direct: DirectBytes) -> str | None:
    width, height = direct.streams.width, direct.streams.height
    if width and height:
        return f"{min(width, height)}p"
    return "audio" if direct.streams.audio and not direct.streams.video else None


def _suffix(path: Path | None) -> str:
    return path.suffix if path is not None else ""


def _language_suffix(path: Path | None) -> str:
    """``.en.vtt`` of ``name.en.vtt``: the language stays in the key (sheet, section 11.8)."""
    return "".join(path.suffixes[-2:]) if path is not None else ""
