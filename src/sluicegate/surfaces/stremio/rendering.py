"""From what the library has to what Stremio shows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from sluicegate import __version__
from sluicegate.core.files import JobFile
from sluicegate.core.names import mime_type_of, safe_segment
from sluicegate.core.release_names import Release
from sluicegate.core.titles import LibraryEntry
from sluicegate.services.stremio import Playable
from sluicegate.surfaces.stremio.schemas import (
    BehaviorHints,
    Catalog,
    CatalogExtra,
    Manifest,
    ManifestHints,
    Meta,
    MetaHints,
    Preview,
    Resource,
    Stream,
    Video,
)

__all__ = ["CATALOG", "OTHER", "OWN", "Links", "manifest", "meta", "preview", "stream"]

OWN: Final = "sluicegate:"
"""Prefix of our own ids: ``sluicegate:<job>`` and ``sluicegate:<job>:<file>``."""
CATALOG: Final = "library"
OTHER: Final = "other"
_TITLES: Final = ["movie", "series"]


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the URLs that one client is handed.

    Attributes:
        base: where the add-on is, without a trailing slash.
        key: the key in the path.
    """

    base: str
    key: str

    def play(self, item: Playable) -> str:
        """Redirects to where the file plays, whenever it is asked: links that play die, this one does not."""
        name = quote(safe_segment(item.file.name), safe="")
        return f"{self.base}/{self.key}/play/{item.entry.job_id}/{item.file.id}/{name}"

    @property
    def poster(self) -> str:
        """One picture for all: nobody is asked for another."""
        return f"{self.base}/poster.svg"


def manifest() -> Manifest:
    """What the add-on offers."""
    return Manifest(
        id="org.sluicegate.library",
        version=__version__,
        name="Sluicegate",
        description="Plays what is ready in your own library.",
        types=[*_TITLES, OTHER],
        resources=[
            "catalog",
            Resource("meta", [OTHER], [OWN]),
            Resource("stream", [*_TITLES, OTHER], ["tt", OWN]),
        ],
        id_prefixes=["tt", OWN],
        catalogs=[
            Catalog(OTHER, CATALOG, "Sluicegate library", [CatalogExtra("search"), CatalogExtra("skip")]),
        ],
        behavior_hints=ManifestHints(),
    )


def preview(entry: LibraryEntry, release: Release, links: Links) -> Preview:
    """A job in the catalog."""
    return Preview(
        id=f"{OWN}{entry.job_id}",
        type=OTHER,
        name=_name(entry, release),
        poster=links.poster,
        description=_description(entry),
        release_info=str(release.year) if release.year else msgspec.UNSET,
    )


def meta(entry: LibraryEntry, release: Release, files: list[Playable], links: Links) -> Meta:
    """A job with its files as videos; a single one plays at once."""
    shown = preview(entry, release, links)
    videos = [_video(item, links) for item in files]
    hints = MetaHints(videos[0].id) if len(videos) == 1 else MetaHints()
    return Meta(**msgspec.structs.asdict(shown), videos=videos, behavior_hints=hints)


def stream(item: Playable, links: Links) -> Stream:
    """A file as a stream."""
    quality = " ".join(word for word in (item.release.resolution, item.release.quality) if word)
    url = links.play(item)
    size = item.file.size
    words = "\n".join([item.file.name, *([_human(size)] if size > 0 else []), item.entry.name or item.entry.info_hash])
    return Stream(
        url=url,
        name=f"Sluicegate\n{quality}".strip(),
        description=words,
        title=words,
        behavior_hints=BehaviorHints(
            not_web_ready=not (urlsplit(url).scheme == "https" and mime_type_of(item.file.name) == "video/mp4"),
            filename=item.file.name,
            binge_group=f"sluicegate-{item.release.resolution or 'any'}-{item.release.quality or 'any'}",
            video_size=size if size > 0 else msgspec.UNSET,
        ),
    )


def _video(item: Playable, links: Links) -> Video:
    release = item.release
    return Video(
        id=f"{OWN}{item.entry.job_id}:{item.file.id}",
        title=_shown(item.file),
        released=_instant(item.entry.created_at),
        season=min(release.seasons) if release.seasons else msgspec.UNSET,
        episode=min(release.episodes) if release.episodes else msgspec.UNSET,
        streams=[stream(item, links)],
    )


def _name(entry: LibraryEntry, release: Release) -> str:
    return entry.name or release.title or entry.info_hash


def _description(entry: LibraryEntry) -> str:
    return (
        f"{_human(entry.size)}, since {entry.created_at:%Y-%m-%d}"
        if entry.size
        else f"since {entry.created_at:%Y-%m-%d}"
    )


def _shown(file: JobFile) -> str:
    return file.name


def _human(size: int | None) -> str:
    left = float(size or 0)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if left < 1024:
            return f"{left:.0f} {unit}" if unit in {"B", "KiB"} else f"{left:.1f} {unit}"
        left /= 1024
    return f"{left:.1f} TiB"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
