"""Plain files on their way from the host to the storage: no child process, and into a bucket no disk either."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import ObjectMissing
from sluicegate.core.media import DirectBytes, MediaProgress, MediaWorkshop
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaStep
from sluicegate.core.media_targets import LOCAL_STORAGE
from sluicegate.core.ports import Clock, Storages
from sluicegate.core.storage import Storage, StoredObject, UploadLog, VolatileLog
from sluicegate.services.fair_slots import FairSlots
from sluicegate.services.media_progress import Meter, ProgressWriter
from sluicegate.services.media_records import MediaRecords
from sluicegate.services.patience import patiently

__all__ = ["MediaStream", "as_it_is"]

_SAME_CONTAINER: Final = {
    "mp4": {"mp4"},
    "mov": {"mov"},
    "mkv": {"mkv"},
    "webm": {"webm"},
    "m4a": {"m4a"},
    "mp3": {"mp3"},
    "ogg": {"ogg", "opus"},
}


@dataclass(frozen=True, slots=True)
class _Sent:
    """A file that was stored.

    Attributes:
        retries: how many times the storage had to be asked again.
        download_ms: how long it took to fetch it; None when it was stored at the same time.
        waited_ms: how long it waited for its turn to be stored; None when there are no turns.
    """

    stored: StoredObject
    retries: int = 0
    download_ms: int | None = None
    waited_ms: int | None = None


class MediaStream:
    """Stores files that are what was asked for already.

    Args:
        uploading: turns for buckets, since each upload keeps some parts of its file in memory.
    """

    def __init__(
        self,
        records: MediaRecords,
        progress: ProgressWriter,
        workshop: MediaWorkshop,
        storages: Storages,
        uploading: FairSlots,
        clock: Clock,
    ) -> None:
        self._records = records
        self._progress = progress
        self._workshop = workshop
        self._storages = storages
        self._uploading = uploading
        self._clock = clock

    async def run(self, job: MediaJob, direct: DirectBytes, looked_ms: int) -> None:
        """Does all of it. Raises whatever ends or delays the job.

        Args:
            job: at work; its limits were checked.
            direct: its file.
            looked_ms: what it took to open the file.
        """
        title = job.result.title or direct.name or None
        began = self._clock.monotonic()
        key = await self._records.claim_key(
            job, title, job.options.container, version=direct.version, size=direct.file.size
        )
        async with self._progress.step(job.id, MediaStep.DOWNLOADING) as meter:
            sent = await self._send(job, key, direct, meter)
        crash_point(CrashPoint.KEPT)
        total_ms = self._since(began) - (sent.waited_ms or 0)
        # On the way to a bucket both sides wait for each other: what was not spent on the host, the storage took.
        download_ms = round(direct.waited * 1000) if sent.download_ms is None else sent.download_ms
        download_ms = min(download_ms, total_ms)
        await self._records.complete(
            job.id,
            title=title,
            file_size=sent.stored.size,
            download_bytes=direct.received,
            download_duration_ms=download_ms,
            upload_duration_ms=total_ms - download_ms,
            upload_wait_ms=sent.waited_ms,
            mux_duration_ms=0,
            metadata_duration_ms=0,
            precheck_duration_ms=(job.result.precheck_duration_ms or 0) + looked_ms,
            download_strategy="direct",
            download_retries=job.result.download_retries + direct.retries,
            upload_retries=job.result.upload_retries + sent.retries,
            native_video_codec=direct.streams.video,
            native_audio_codec=direct.streams.audio,
            actual_quality=_quality(direct),
        )

    async def _send(self, job: MediaJob, key: str, direct: DirectBytes, meter: Meter) -> _Sent:
        storage = self._storages.get(job.storage or LOCAL_STORAGE)
        if job.stored_key == key and (kept := await _kept(storage, key)) and kept.size == direct.file.size:
            # An earlier run has died between the last byte and the verdict.
            return _Sent(kept)
        if job.storage in {None, LOCAL_STORAGE}:
            return await self._save(job, key, direct, meter)
        log = VolatileLog()
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
        async with self._uploading.hold(job.user_id) as waited:
            stored, retries = await patiently(lambda: storage.send(key, bytes_from, size=direct.file.size, log=log))
        return _Sent(stored, retries, waited_ms=waited)

    async def _save(self, job: MediaJob, key: str, direct: DirectBytes, meter: Meter) -> _Sent:
        """By way of the job's folder, which outlives a crash and is emptied with the job, then moved."""
        self._workshop.check_room(None)
        began = self._clock.monotonic()
        path = await self._workshop.keep(direct, self._workshop.folder(job.id), on_progress=meter.note)
        fetched_ms = self._since(began)
        storage = self._storages.get(LOCAL_STORAGE)
        stored, retries = await patiently(lambda: storage.adopt(key, path, size=direct.file.size or 0))
        return _Sent(stored, retries, fetched_ms)

    async def _same_version(self, job: MediaJob, key: str, direct: DirectBytes, log: UploadLog) -> None:
        """Drops what an earlier try has stored of another version of the file, or of one that cannot be told apart."""
        if direct.version is None or direct.version != job.result.source_version:
            await self._storages.get(job.storage or LOCAL_STORAGE).abandon(key, log)
        await self._records.note_version(job.id, direct.version)

    def _since(self, began: float) -> int:
        return round((self._clock.monotonic() - began) * 1000)


def as_it_is(direct: DirectBytes, options: MediaOptions) -> bool:
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


async def _kept(storage: Storage, key: str) -> StoredObject | None:
    try:
        return await storage.stat(key)
    except ObjectMissing:
        return None
