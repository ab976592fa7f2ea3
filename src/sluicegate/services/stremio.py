"""The Stremio add-on's use cases: the library as a catalog, and the files that play a title.

A title's files are found by what names say. Names that spell out the id itself (``{imdb-tt1234567}``) need nobody else,
and teach their title: other releases with that title and year are then found as well. For all other ids the title is
asked for once (``TitleService``). Nothing about the library is told to anybody.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sluicegate.core.files import JobFile
from sluicegate.core.names import mime_type_of
from sluicegate.core.playback import PlaybackMode
from sluicegate.core.ports import UnitOfWorkFactory
from sluicegate.core.release_names import Release, parse_release, same_title, title_key
from sluicegate.core.titles import LibraryEntry, TitleKind, imdb_ids
from sluicegate.services.playback import PlaybackService, Viewer
from sluicegate.services.stremio_titles import TitleService

__all__ = ["PAGE", "Playable", "StremioService", "Wanted", "is_playable"]

PAGE: Final = 100
"""Catalog pages are of this size; a shorter one ends the list (sheet, section 12)."""

_CANDIDATES_MAX: Final = 300
_STREAMS_MAX: Final = 100
_QUERY_WORDS_MAX: Final = 8
_SAMPLE: Final = re.compile(r"(?:^|[\W_])sample(?:[\W_]|$)", re.IGNORECASE)
_SAMPLE_MAX: Final = 300 << 20
_WORD: Final = re.compile(r"[^\W_]+")
_CONTRACTED: Final = re.compile("\\w*['\u2019]\\w*")
_LEFT_OUT: Final = frozenset({"a", "an", "and", "the"})
"""Words that some write and some do not."""
_QUALITIES: Final = {"1080p": {"1080p"}, "4k": {"2160p", "4k", "uhd"}}
"""What names say for each quality that a user can prefer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants to play: a film, or one episode of a series."""

    imdb_id: str
    kind: TitleKind
    season: int | None = None
    episode: int | None = None


@dataclass(frozen=True, slots=True)
class Playable:
    """One file that can be played."""

    entry: LibraryEntry
    file: JobFile
    release: Release


@dataclass(frozen=True, slots=True)
class _Title:
    name: str
    year: int | None


@dataclass(frozen=True, slots=True)
class _Tastes:
    """A user's preferences about lists.

    Attributes:
        at_once: leave out what would have to be downloaded first.
        quality: ``1080p`` or ``4k`` is shown before everything else; otherwise the best comes first.
    """

    at_once: bool
    quality: str

    @classmethod
    def read(cls, chosen: Mapping[str, Any]) -> "_Tastes":
        return cls(bool(chosen.get("hide_uncached")), str(chosen.get("preferred_quality") or "any"))

    def order(self, item: Playable) -> tuple[bool, int, int]:
        """Larger for what is shown earlier."""
        return item.release.resolution.lower() in _QUALITIES.get(self.quality, ()), item.release.rank, item.file.size


class StremioService:
    """Answers for one user at a time."""

    def __init__(self, transactions: UnitOfWorkFactory, titles: TitleService, playback: PlaybackService) -> None:
        self._transactions = transactions
        self._titles = titles
        self._playback = playback

    async def catalog(self, user_id: UUID, *, search: str = "", skip: int = 0) -> list[tuple[LibraryEntry, Release]]:
        """A page of ready jobs, newest first, with what their names say."""
        words = tuple(_WORD.findall(search)[:_QUERY_WORDS_MAX])
        if search.strip() and not words:
            return []
        async with self._transactions() as tx:
            tastes = _Tastes.read(await tx.preferences.get(user_id))
            entries = await tx.ready.page(user_id, limit=PAGE, offset=skip, words=words, at_once=tastes.at_once)
        return await asyncio.to_thread(lambda: [(entry, parse_release(entry.name)) for entry in entries])

    async def entry(self, user_id: UUID, job_id: UUID) -> tuple[LibraryEntry, Release, list[Playable]]:
        """One ready job with its playable files, in the order in which they are watched. Raises NotFound."""
        async with self._transactions() as tx:
            found = await tx.ready.get(user_id, job_id)
        return await asyncio.to_thread(_opened, found)

    async def streams(self, user_id: UUID, wanted: Wanted) -> list[Playable]:
        """Files that play what is wanted, best first; none is a good answer, too."""
        async with self._transactions() as tx:
            tastes = _Tastes.read(await tx.preferences.get(user_id))
        spelled = await self._candidates(user_id, (wanted.imdb_id,), tastes)
        titles = await asyncio.to_thread(_taught, spelled, wanted)
        title = await self._titles.find(wanted.imdb_id, wanted.kind)
        if title is not None:
            titles.append(_Title(title.name, title.year))
        named = [await self._candidates(user_id, _needles(one.name), tastes) for one in titles]
        entries = {entry.job_id: entry for entry in [*spelled, *(entry for some in named for entry in some)]}
        return await asyncio.to_thread(_matching, list(entries.values()), wanted, titles, tastes)

    async def play(self, user_id: UUID, job_id: UUID, file_id: UUID, viewer: Viewer) -> str:
        """Where the file plays: at this server, unless the user chose direct links. Raises as ``stream_link``."""
        answer = await self._playback.stream_link(
            user_id, job_id, file_id, viewer=viewer, unless_chosen=PlaybackMode.PROXIED
        )
        return answer.url

    async def _candidates(self, user_id: UUID, words: tuple[str, ...], tastes: "_Tastes") -> list[LibraryEntry]:
        if not words:
            return []
        async with self._transactions() as tx:
            return await tx.ready.page(
                user_id, limit=_CANDIDATES_MAX, words=words, with_files=True, at_once=tastes.at_once
            )


def is_playable(file: JobFile) -> bool:
    """A video that is no sample."""
    kind = file.mime_type or mime_type_of(file.name)
    if not (kind.startswith("video/") or mime_type_of(file.name).startswith("video/")):
        return False
    return not (_SAMPLE.search(file.name) and file.size < _SAMPLE_MAX)


def _opened(entry: LibraryEntry) -> tuple[LibraryEntry, Release, list[Playable]]:
    own = parse_release(entry.name)
    files = [Playable(entry, file, _of_file(file, own)) for file in entry.files if is_playable(file)]
    files.sort(key=lambda item: (min(item.release.seasons, default=0), min(item.release.episodes, default=0)))
    return entry, own, files


def _of_file(file: JobFile, job: Release) -> Release:
    """What a file's name says, and what its job's name adds: season packs often name the show in the folder alone."""
    own = parse_release(file.path)
    return Release(
        title=own.title,
        year=own.year or job.year,
        seasons=own.seasons or job.seasons,
        episodes=own.episodes,
        resolution=own.resolution or job.resolution,
        quality=own.quality or job.quality,
    )


def _taught(spelled: Sequence[LibraryEntry], wanted: Wanted) -> list[_Title]:
    """Titles of the releases that name the id themselves."""
    found: dict[str, _Title] = {}
    for entry in spelled:
        if wanted.imdb_id in imdb_ids(entry.name):
            release = parse_release(_without_ids(entry.name))
            if title_key(release.title):
                found.setdefault(title_key(release.title), _Title(release.title, release.year))
    return list(found.values())


def _without_ids(name: str) -> str:
    return re.sub(r"[\[({]?(?:imdb(?:id)?[-=: ]?)?tt[0-9]{7,10}[\])}]?", " ", name, flags=re.IGNORECASE)


def _needles(title: str) -> tuple[str, ...]:
    """Words that every release of a title has in its name, however it is written: plain ones, the longest first."""
    words = set(_WORD.findall(_CONTRACTED.sub(" ", title)))
    plain = {word for word in words if word.isascii() and len(word) > 1 and word.lower() not in _LEFT_OUT}
    return tuple(sorted(plain or words or title_key(title).split(), key=lambda word: (-len(word), word))[:3])


def _matching(
    entries: Iterable[LibraryEntry], wanted: Wanted, titles: Sequence[_Title], tastes: _Tastes
) -> list[Playable]:
    found: list[Playable] = []
    for entry in entries:
        job = parse_release(_without_ids(entry.name))
        for file in filter(is_playable, entry.files):
            release = _of_file(file, job)
            named = wanted.imdb_id in imdb_ids(entry.name) or wanted.imdb_id in imdb_ids(file.path)
            if (named or _is_of(release, job, wanted, titles)) and _is_part(release, wanted):
                found.append(Playable(entry, file, release))
    if wanted.kind is TitleKind.MOVIE:
        found = _main_files(found)
    found.sort(key=tastes.order, reverse=True)
    return found[:_STREAMS_MAX]


def _is_of(release: Release, job: Release, wanted: Wanted, titles: Sequence[_Title]) -> bool:
    series = wanted.kind is TitleKind.SERIES
    return any(
        same_title(candidate, title.name, title.year, series=series) for title in titles for candidate in (release, job)
    )


def _is_part(release: Release, wanted: Wanted) -> bool:
    if wanted.kind is TitleKind.MOVIE:
        return not release.is_series
    if wanted.season is None or wanted.episode is None:
        return release.is_series
    season_fits = wanted.season in release.seasons or (not release.seasons and wanted.season == 1)
    return season_fits and wanted.episode in release.episodes


def _main_files(found: list[Playable]) -> list[Playable]:
    """Of a film's folder only the film: extras are a fraction of its size."""
    largest: dict[UUID, int] = {}
    for item in found:
        largest[item.entry.job_id] = max(largest.get(item.entry.job_id, 0), item.file.size)
    return [item for item in found if item.file.size * 3 >= largest[item.entry.job_id]]
