"""The port to the media workshop: what it reads on a page, fetches from it, and shapes into one file.

The three steps of a media job that need child processes live behind ``MediaWorkshop``. Each step may run twice: it
works in the job's own folder and goes on where an earlier run left off.
"""

from collections.abc import AsyncIterator, Callable, Container
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.media_jobs import MediaOptions

__all__ = [
    "CODECS_BY_CONTAINER",
    "DirectBytes",
    "DirectFile",
    "FetchedMedia",
    "LiveStatus",
    "MediaEntry",
    "MediaFacts",
    "MediaProgress",
    "MediaTrack",
    "MediaWorkshop",
    "OnFacts",
    "OnProgress",
    "ShapedMedia",
    "StreamFacts",
]


CODECS_BY_CONTAINER: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    name: (frozenset(video.split()), frozenset(audio.split()))
    for name, video, audio in (
        ("mp4", "copy h264 h265 vp9", "copy aac opus mp3"),
        ("mov", "copy h264 h265", "copy aac mp3"),
        ("mkv", "copy h264 h265 vp9", "copy aac opus mp3"),
        ("webm", "copy vp9", "copy opus"),
        ("m4a", "copy", "copy aac"),
        ("mp3", "copy", "copy mp3"),
        ("ogg", "copy", "copy opus"),
        ("opus", "copy", "copy opus"),
    )
}
"""Which ``video_codec`` and ``audio_codec`` may be asked for with which container; other pairs are refused.

``copy`` is always right: a stream that the container cannot hold is converted to one that it can.
"""


class LiveStatus(StrEnum):
    """Whether the media is a broadcast."""

    NO = "no"
    UPCOMING = "upcoming"
    LIVE = "live"
    OVER = "over"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DirectFile:
    """The address is a plain media file: no page, no playlist; any downloader can fetch it.

    Attributes:
        url: where the file is after all redirects.
        container: what the first bytes say it is (``mp4``, ``mkv``, ``webm``, ``mpegts``, ``mp3`` …), never a header.
        size: bytes as the server promised, None when it did not.
    """

    url: str = field(repr=False)
    container: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class MediaEntry:
    """One item of a playlist, channel or podcast feed."""

    url: str = field(repr=False)
    title: str | None = None


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a page says about its media. All text comes from strangers: it is data, never markup, never a file name.

    Attributes:
        extractor: which reader understood the page (``generic``, ``youtube`` …).
        duration: seconds.
        width, height: pixels of the picture that was or would be chosen.
        upload_date: ``YYYYMMDD``.
        release_date: ISO 8601 with ``Z``; for a scheduled broadcast the time it begins.
        filesize_approx: bytes, as announced; the truth is known only after fetching.
        direct: set when the address is a plain file.
        entries: set when the address is a collection, in its own order.
        more_entries: True when the collection was cut at the limit.
    """

    title: str | None = None
    description: str | None = None
    extractor: str | None = None
    uploader: str | None = None
    thumbnail: str | None = None
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    view_count: int | None = None
    like_count: int | None = None
    filesize_approx: int | None = None
    upload_date: str | None = None
    release_date: str | None = None
    live: LiveStatus = LiveStatus.UNKNOWN
    direct: DirectFile | None = None
    entries: tuple[MediaEntry, ...] = ()
    more_entries: bool = False


@dataclass(frozen=True, slots=True)
class MediaProgress:
    """Work of one step so far, in real bytes.

    Attributes:
        done: bytes that arrived (fetch) or were written (shape); never goes backwards within one call.
        total: bytes expected, None while unknown; may be corrected on the way.
        speed: bytes per second now, None while unknown.
        fraction: 0.0 to 1.0, None while unknown.
    """

    done: int
    total: int | None = None
    speed: float | None = None
    fraction: float | None = None


OnProgress = Callable[[MediaProgress], None]
"""Called on the event loop about four times a second at most; must return at once and must not raise."""

OnFacts = Callable[[MediaFacts], None]
"""Called once, as soon as the page is understood and before its media is fetched; must return at once."""


@dataclass(frozen=True, slots=True)
class MediaTrack:
    """One fetched file: picture, sound or both.

    Attributes:
        path: inside the job's folder.
        size: bytes.
        starts_at: seconds of the source's time line at which the file begins; above 0 when only a clip was fetched.
    """

    path: Path
    size: int
    starts_at: float = 0.0


@dataclass(frozen=True, slots=True)
class FetchedMedia:
    """The source's own bytes, on disk, not yet shaped.

    Attributes:
        tracks: one or two files; the first has the picture when there is one.
        facts: what the page said.
        strategy: how the bytes came: ``http``, ``hls``, ``dash``, ``live``; ``direct`` when we fetched a plain file.
        retries: requests that had to be repeated.
        extract_ms, download_ms, subtitle_ms: measured durations; None for subtitles that were not looked for.
        subtitle: a file ``subtitle.<language>.vtt`` in WebVTT, when wanted and present.
        thumbnail: a picture file (jpg, png or webp), when wanted and present.
    """

    tracks: tuple[MediaTrack, ...]
    facts: MediaFacts
    strategy: str
    retries: int = 0
    extract_ms: int = 0
    download_ms: int = 0
    subtitle_ms: int | None = None
    subtitle: Path | None = None
    thumbnail: Path | None = None

    @property
    def size(self) -> int:
        """Bytes of all tracks."""
        return sum(track.size for track in self.tracks)


@dataclass(frozen=True, slots=True)
class ShapedMedia:
    """The finished file, with what is really in it (read back from the file, not from the request).

    Attributes:
        container: one of the containers of ``MediaOptions``; also the file's extension, without a dot.
        native_video_codec, native_audio_codec: of the source (``avc1``, ``mp4a``), None without one.
        video_codec, audio_codec: of the result (``h264``, ``aac``), None without one.
        actual_quality: ``1080p`` by the shorter side, ``audio`` without a picture.
        duration: seconds of the result.
        mux_ms: measured duration of the work.
    """

    path: Path
    size: int
    container: str
    media_type: str
    native_video_codec: str | None
    native_audio_codec: str | None
    video_codec: str | None
    audio_codec: str | None
    width: int | None
    height: int | None
    actual_quality: str
    duration: float | None
    mux_ms: int


class StreamFacts(Protocol):
    """What the beginning of a file tells about its streams; None where it does not tell."""

    @property
    def video(self) -> str | None:
        """Codec of the picture, as containers spell it."""

    @property
    def audio(self) -> str | None:
        """Codec of the sound."""

    @property
    def duration(self) -> float | None:
        """Seconds."""

    @property
    def width(self) -> int | None:
        """Pixels."""

    @property
    def height(self) -> int | None:
        """Pixels."""


class DirectBytes(Protocol):
    """A plain media file on its way.

    Attributes:
        file: what it is.
        name: what it is called, without an extension; "" without a name.
        version: what the host calls this version of it, None when it does not.
        streams: what its first bytes tell.
        ranges: the host sends parts of it.
        retries: requests that had to be repeated.
        received: bytes so far.
        waited: seconds spent waiting for the host.
    """

    file: DirectFile
    name: str
    version: str | None
    ranges: bool
    retries: int
    received: int
    waited: float

    @property
    def streams(self) -> StreamFacts:
        """What its first bytes tell."""

    def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to the end; raises UpstreamError when they cannot be had."""
        ...


class MediaWorkshop(Protocol):
    """Reads pages, fetches media and shapes files, each in child processes with limits.

    Cancelling a call kills its children before it returns. Errors of all three steps:

    - ``NoMedia``, ``MediaRestricted``, ``MediaProtected``: nothing to get there, now or later
    - ``UnsafeSource``: hostile or over a limit (size, time, memory); ``ForbiddenAddress``: the egress guard refused
    - ``NotReady``: a scheduled broadcast that has not begun, when ``wait_for_video`` asks to wait for it;
      ``retry_after`` says how long. Without that wish it is a ``MediaRestricted``
    - ``ExtractionFailed``: technical, worth another try; ``ConversionFailed``: the bytes cannot be shaped as asked
    - ``StorageFull``: the work folder's disk is full
    """

    def folder(self, job_id: UUID) -> Path:
        """Makes the job's private work folder (0700) or finds it again."""
        ...

    async def discard(self, job_id: UUID) -> None:
        """Deletes the job's work folder; fine when there is none."""
        ...

    async def sweep(self, keep: Container[UUID]) -> int:
        """Deletes the folders of all jobs but those in ``keep`` (left behind by a crash); returns how many."""
        ...

    async def probe(self, url: str) -> MediaFacts:
        """Reads the page without fetching its media; a collection is listed up to a limit, not opened."""
        ...

    async def is_page(self, url: str) -> bool:
        """True when the address answers a page or a feed, False for a file, a playlist of pieces, or nothing."""
        ...

    def open_direct(self, url: str) -> AbstractAsyncContextManager["DirectBytes | None"]:
        """The plain media file behind the address, or None for everything else, unreadable addresses included.

        Raises:
            UnsafeSource: the file is larger than allowed.
        """
        ...

    async def keep(self, direct: DirectBytes, folder: Path, *, on_progress: OnProgress) -> Path:
        """Writes a plain file into ``folder``; a second call goes on with what the first one left of this version.

        Raises:
            UpstreamError, SizeMismatch, StorageFull, StorageUnavailable: it is not whole.
        """
        ...

    async def cut(
        self, direct: DirectBytes, options: MediaOptions, folder: Path, *, on_progress: OnProgress
    ) -> FetchedMedia | None:
        """Fetches the part of a plain file that holds the clip of ``options``; None when the whole is needed."""
        ...

    def can_cut(self, direct: DirectBytes, options: MediaOptions) -> bool:
        """Whether ``options`` ask for a clip, and the file and its host allow ``cut``."""
        ...

    def check_room(self, size: int | None) -> None:
        """Looks whether the work folder's disk has room for ``size`` more bytes.

        Raises:
            StorageFull: it has not.
        """
        ...

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
        """Fetches the media that fits ``options`` best into ``folder``; of a collection, the first item.

        A second call with the same arguments returns what the first one finished, or resumes it. ``max_bytes`` lowers
        the workshop's own limit.
        """
        ...

    async def shape(
        self, fetched: FetchedMedia, options: MediaOptions, folder: Path, *, on_progress: OnProgress
    ) -> ShapedMedia:
        """Makes the one file that ``options`` ask for, copying streams wherever the container allows it."""
        ...
