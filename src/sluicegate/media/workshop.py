"""The media workshop: probe, fetch and shape in child processes. Implements ``core.media.MediaWorkshop``."""

import asyncio
import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Container
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from sluicegate.core.errors import (
    ExtractionFailed,
    ForbiddenAddress,
    InternalError,
    MediaRestricted,
    NoMedia,
    NotReady,
    StorageFull,
    UnsafeSource,
)
from sluicegate.core.media import (
    DirectBytes,
    FetchedMedia,
    MediaFacts,
    MediaProgress,
    MediaTrack,
    OnFacts,
    OnProgress,
    ShapedMedia,
)
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.child import ChildLimits
from sluicegate.media.cutting import can_cut, cut
from sluicegate.media.direct import DirectReader
from sluicegate.media.extract import Extraction, checked_url, extract
from sluicegate.media.ffmpeg import Ffmpeg, find_ffmpeg
from sluicegate.media.mux import shape
from sluicegate.media.readings import Readings
from sluicegate.media.rooms import WorkRooms
from sluicegate.media.sniff import HEAD_BYTES, container_of
from sluicegate.media.subtitles import as_webvtt
from sluicegate.media.warm import WarmChildren
from sluicegate.media.whole_file import write_whole
from sluicegate.media.wire import Order, Progress
from sluicegate.net.forward_proxy import Traffic

__all__ = ["ProxyLease", "Workshop", "WorkshopLimits"]

_GIB: Final = 1 << 30
_DOCUMENT_BYTES: Final = 256 << 20
"""Pages, playlists and repetitions on top of the media itself."""

_DONE_FILE: Final = "fetched.json"

ProxyLease = Callable[[Traffic], AbstractAsyncContextManager[str | None]]
"""Opens the guarded way out for one child (``ForwardProxy.lease``): the proxy's ``http://…`` address.

None means a direct connection, for tests alone: then nothing guards the addresses that a page names.
"""


@dataclass(frozen=True, slots=True)
class WorkshopLimits:
    """What one job may use.

    Attributes:
        media_bytes: of all fetched files together, and of the result.
        probe_seconds, fetch_seconds, shape_seconds: longest duration of each step.
        entries: most items listed of a collection.
        disk_reserve: bytes of the work folder's disk that stay free.
    """

    media_bytes: int = 64 * _GIB
    probe_seconds: float = 90.0
    fetch_seconds: float = 6 * 3600.0
    shape_seconds: float = 6 * 3600.0
    entries: int = 500
    disk_reserve: int = 512 << 20


class Workshop:
    """See ``MediaWorkshop``.

    Args:
        root: folder that holds the work folders.
        lease: the way out for the children that read pages.
        limits: what one job may use.
        direct: reads plain files; None leaves them to the children as well.
        warm: starts the children that read pages; its owner closes it. None starts each one from nothing.
        ffmpeg: the program; by default the wheel's, or the system's where the wheel has none. It is looked for when it
            is first needed: that runs it, and most commands and servers without media jobs never do.
    """

    def __init__(
        self,
        root: Path,
        lease: ProxyLease,
        *,
        limits: WorkshopLimits | None = None,
        direct: DirectReader | None = None,
        warm: WarmChildren | None = None,
        ffmpeg: Path | None = None,
    ) -> None:
        self._direct = direct
        self._warm = warm
        self._readings = Readings()
        self._rooms = WorkRooms(root)
        self._root = root
        self._lease = lease
        self._limits = limits or WorkshopLimits()
        self._program = ffmpeg

    @functools.cached_property
    def _ffmpeg(self) -> Ffmpeg:
        return Ffmpeg(self._program or find_ffmpeg(), self._child_limits(self._limits.shape_seconds, memory=6 * _GIB))

    def folder(self, job_id: UUID) -> Path:
        """See ``MediaWorkshop.folder``."""
        return self._rooms.open(job_id)

    async def discard(self, job_id: UUID) -> None:
        """See ``MediaWorkshop.discard``."""
        await self._rooms.remove(job_id)

    async def sweep(self, keep: Container[UUID]) -> int:
        """See ``MediaWorkshop.sweep``."""
        return await self._rooms.sweep(keep)

    async def probe(self, url: str) -> MediaFacts:
        """See ``MediaWorkshop.probe``."""
        checked_url(url)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        extraction = Extraction(on_facts=lambda _: None, on_progress=lambda _: None)
        with tempfile.TemporaryDirectory(prefix="probe-", dir=self._root) as folder:
            limits = self._child_limits(self._limits.probe_seconds, memory=2 * _GIB)
            await self._extract(url, MediaOptions(), Path(folder), limits, extraction, fetch=False)
        self._readings.keep(url, extraction.reading)
        return _present(extraction.facts)

    async def is_page(self, url: str) -> bool:
        """See ``MediaWorkshop.is_page``."""
        checked_url(url)
        return await self._direct.looks_like_page(url) if self._direct else True

    @asynccontextmanager
    async def open_direct(self, url: str) -> AsyncIterator[DirectBytes | None]:
        """See ``MediaWorkshop.open_direct``."""
        checked_url(url)
        if self._direct is None or self._readings.knows(url):
            yield None
            return
        async with self._direct.open(url) as source:
            if source is not None and (source.file.size or 0) > self._limits.media_bytes:
                raise UnsafeSource("The media is larger than allowed.")
            yield source

    async def keep(self, direct: DirectBytes, folder: Path, *, on_progress: OnProgress) -> Path:
        """See ``MediaWorkshop.keep``."""
        return await write_whole(direct, folder, on_progress)

    def can_cut(self, direct: DirectBytes, options: MediaOptions) -> bool:
        """See ``MediaWorkshop.can_cut``."""
        return can_cut(direct, options)

    async def cut(
        self, direct: DirectBytes, options: MediaOptions, folder: Path, *, on_progress: OnProgress
    ) -> FetchedMedia | None:
        """See ``MediaWorkshop.cut``."""
        return await cut(self._ffmpeg, direct, options, folder, on_progress)

    def check_room(self, size: int | None) -> None:
        """See ``MediaWorkshop.check_room``."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(self._root).free - self._limits.disk_reserve < (size or 1):
            raise StorageFull("The disk of the work folder has no room for this media.")

    async def fetch(
        self,
        url: str,
        options: MediaOptions,
        folder: Path,
        *,
        on_progress: OnProgress,
        on_facts: OnFacts | None = None,
        max_bytes: int | None = None,
    ) -> FetchedMedia:
        """See ``MediaWorkshop.fetch``."""
        checked_url(url)
        note = folder / f"{_fingerprint(url, options)}-{_DONE_FILE}"
        if (done := await asyncio.to_thread(_earlier, note)) is not None:
            return done
        extraction = Extraction(on_facts=on_facts or (lambda _: None), on_progress=_translated(on_progress))
        await self._fetched(url, options, folder, extraction, max_bytes)
        fetched = await asyncio.to_thread(_collected, extraction, folder)
        if fetched.subtitle is not None:
            fetched = replace(fetched, subtitle=await as_webvtt(self._ffmpeg, fetched.subtitle, folder=folder))
        await asyncio.to_thread(_remember, note, fetched)
        return fetched

    async def shape(
        self, fetched: FetchedMedia, options: MediaOptions, folder: Path, *, on_progress: OnProgress
    ) -> ShapedMedia:
        """See ``MediaWorkshop.shape``."""
        return await shape(self._ffmpeg, fetched, options, folder, on_progress)

    async def _fetched(
        self, url: str, options: MediaOptions, folder: Path, extraction: Extraction, max_bytes: int | None
    ) -> None:
        """Fetches what was read a moment ago, if it was; a reading that leads nowhere is read again."""
        limits = self._child_limits(self._limits.fetch_seconds, memory=2 * _GIB)
        reading = self._readings.take(url)
        fetch = functools.partial(
            self._extract, url, options, folder, limits, extraction, fetch=True, max_bytes=max_bytes
        )
        if reading is not None:
            with contextlib.suppress(ExtractionFailed, MediaRestricted, NoMedia):  # the reading may be too old
                await fetch(reading=reading)
                return
            extraction.start_over()
        await fetch()

    async def _extract(
        self,
        url: str,
        options: MediaOptions,
        folder: Path,
        limits: ChildLimits,
        extraction: Extraction,
        *,
        fetch: bool,
        max_bytes: int | None = None,
        reading: str | None = None,
    ) -> None:
        most = min(self._limits.media_bytes, max_bytes or self._limits.media_bytes)
        traffic = Traffic(limit=most + _DOCUMENT_BYTES)
        async with self._lease(traffic) as proxy:
            port = urlsplit(proxy).port if proxy else None
            order = Order(
                url=url,
                confinement=limits.confinement(folder, (port,) if port else None),
                fetch=fetch,
                proxy=proxy,
                audio_only=options.audio_only,
                container=options.container,
                max_height=int(options.max_resolution) if options.max_resolution.isdecimal() else 0,
                clip_start=options.clip_start,
                clip_end=options.clip_end,
                subtitles=options.download_subtitles,
                thumbnail=options.download_thumbnail,
                from_start=options.live_from_start,
                max_bytes=most,
                max_entries=self._limits.entries,
                max_seconds=options.max_duration,
                reading=reading,
            )
            try:
                await extract(order, limits, extraction, self._warm)
            except NotReady as error:
                if options.wait_for_video:
                    raise
                raise MediaRestricted(error.detail, action="Ask with wait_for_video, or retry when it runs.") from error
            except ExtractionFailed as error:
                # Inside a TLS tunnel the child cannot see why its connection was refused; the proxy knows.
                if traffic.refused:
                    raise ForbiddenAddress("The page leads to an address that may not be reached from here.") from error
                raise

    def _child_limits(self, wall_seconds: float, *, memory: int) -> ChildLimits:
        cores = os.cpu_count() or 1
        return ChildLimits(
            wall_seconds=wall_seconds,
            cpu_seconds=int(wall_seconds * cores) + 1,
            memory=memory,
            file_size=self._limits.media_bytes,
        )


def _translated(on_progress: OnProgress) -> Callable[[Progress], None]:
    """The child's progress as ours: bytes never go backwards, and the fraction follows from them."""
    highest = 0

    def forward(progress: Progress) -> None:
        nonlocal highest
        highest = max(highest, progress.done)
        total = max(progress.total, highest) if progress.total else None
        on_progress(
            MediaProgress(done=highest, total=total, speed=progress.speed, fraction=highest / total if total else None)
        )

    return forward


def _collected(extraction: Extraction, folder: Path) -> FetchedMedia:
    """Checks that every track is really there and really media.

    Raises:
        NoMedia: the bytes are something else, whatever the page called them.
    """
    report, facts = extraction.fetched, _present(extraction.facts)
    if report is None:
        raise InternalError("The extraction child reported no files.")
    tracks = tuple(_track(folder, track.name, track.starts_at) for track in report.tracks)
    return FetchedMedia(
        tracks=tracks,
        facts=facts,
        strategy=report.tracks[0].strategy,
        retries=report.retries,
        extract_ms=report.extract_ms,
        download_ms=report.download_ms,
        subtitle_ms=report.subtitle_ms,
        subtitle=_inside(folder, report.subtitle) if report.subtitle else None,
        thumbnail=_inside(folder, report.thumbnail) if report.thumbnail else None,
    )


def _track(folder: Path, name: str, starts_at: float) -> MediaTrack:
    path = _inside(folder, name)
    with path.open("rb") as file:
        if container_of(file.read(HEAD_BYTES)) is None:
            raise NoMedia("What the page calls media is neither video nor audio.")
    return MediaTrack(path=path, size=path.stat().st_size, starts_at=starts_at)


def _inside(folder: Path, name: str) -> Path:
    """The file ``name`` in ``folder``; the child chooses among its own files only."""
    path = folder / name
    if path.parent != folder or path.is_symlink() or not path.is_file():
        raise InternalError("The extraction child reported a file that is not there.")
    return path


def _present(facts: MediaFacts | None) -> MediaFacts:
    if facts is None:
        raise InternalError("The extraction child reported nothing.")
    return facts


def _fingerprint(url: str, options: MediaOptions) -> str:
    """Of everything that decides what is fetched."""
    return hashlib.sha256(repr((url, replace(options, filename=None, folder=None))).encode()).hexdigest()[:16]


def _remember(note: Path, fetched: FetchedMedia) -> None:
    """Notes a finished fetch in the folder, whole or not at all."""
    part = note.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(fetched, enc_hook=str))
    part.replace(note)


def _earlier(note: Path) -> FetchedMedia | None:
    """What an earlier run finished; files that have changed since are removed, so that they are fetched anew."""
    try:
        fetched = msgspec.json.decode(note.read_bytes(), type=FetchedMedia, dec_hook=lambda kind, text: kind(text))
    except (OSError, msgspec.DecodeError):
        return None
    if all(track.path.is_file() and track.path.stat().st_size == track.size for track in fetched.tracks):
        return fetched
    for path in (note, *(track.path for track in fetched.tracks)):
        path.unlink(missing_ok=True)
    return None
