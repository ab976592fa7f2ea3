"""What the server and its extraction child say to each other: one JSON request in, JSON lines out."""

import msgspec

from sluicegate.core.media import MediaFacts
from sluicegate.media.confine import Confinement

__all__ = ["Fetched", "FetchedTrack", "Order", "Progress", "Refused", "Report", "Understood"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """All that the child is told. Nothing in it is an option of yt-dlp: the child has a fixed set of those.

    Attributes:
        url: http or https, already checked.
        fetch: False reads the page only.
        proxy: the only way out, ``http://…``; None connects directly (then the caller guards the network).
        audio_only, container, max_height: what to choose; ``max_height`` is the shorter side, 0 for the best.
        clip_start, clip_end: seconds; parts outside need not be fetched.
        max_bytes: of all files together.
        max_entries: of a collection.
        max_seconds: of a broadcast, None records until it ends.
        reading: what another child has just read on the page, None to read it now.
    """

    url: str
    confinement: Confinement
    fetch: bool = True
    proxy: str | None = None
    audio_only: bool = False
    container: str = "mp4"
    max_height: int = 0
    clip_start: float | None = None
    clip_end: float | None = None
    subtitles: bool = False
    thumbnail: bool = False
    from_start: bool = False
    max_bytes: int = 0
    max_entries: int = 0
    max_seconds: int | None = None
    reading: str | None = None

    def __repr__(self) -> str:
        """Without the address and the proxy, which may hold tokens."""
        return f"Order(fetch={self.fetch}, container={self.container!r})"


class Understood(msgspec.Struct, frozen=True, tag="understood"):
    """The page is understood; ``reading`` lets another child fetch its media without reading it again."""

    facts: MediaFacts
    reading: str | None = None


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """Bytes so far, of all files together."""

    done: int
    total: int | None = None
    speed: float | None = None


class FetchedTrack(msgspec.Struct, frozen=True):
    """A finished file, by its name in the folder, and how it came: ``http``, ``hls``, ``dash`` or ``live``."""

    name: str
    strategy: str
    starts_at: float = 0.0


class Fetched(msgspec.Struct, frozen=True, tag="fetched"):
    """Everything is on disk."""

    tracks: tuple[FetchedTrack, ...]
    retries: int
    extract_ms: int
    download_ms: int
    subtitle_ms: int | None = None
    subtitle: str | None = None
    thumbnail: str | None = None


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It cannot be done: ``code`` is the code of an error of the core."""

    code: str
    detail: str
    action: str
    retry_after: float | None = None


Report = Understood | Progress | Fetched | Refused
