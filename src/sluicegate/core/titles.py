"""Titles behind IMDb ids: what a Stremio client asks for, and what is known about it."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.files import JobFile

__all__ = ["LibraryEntry", "ReadyLibrary", "Title", "TitleKind", "TitleRepository", "imdb_ids"]

_IMDB: Final = re.compile(r"(?<![A-Za-z0-9])tt[0-9]{7,10}(?![0-9])")


class TitleKind(StrEnum):
    """What a title is, in Stremio's words."""

    MOVIE = "movie"
    SERIES = "series"


@dataclass(frozen=True, slots=True)
class Title:
    """What a metadata source says about an id.

    Attributes:
        name: empty when the source does not know the id.
        year: of the release or of the first episode, when known.
    """

    imdb_id: str
    kind: TitleKind
    name: str
    year: int | None
    fetched_at: datetime


class TitleRepository(Protocol):
    """Remembers what was asked once."""

    async def get(self, imdb_id: str, kind: TitleKind) -> Title | None:
        """None when it was never asked."""
        ...

    async def put(self, title: Title) -> None:
        """Keeps an answer over an older one."""
        ...


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """A ready job, as much of it as catalogs and feeds show."""

    job_id: UUID
    info_hash: str
    source_kind: str
    source_uri: str
    name: str
    size: int | None
    created_at: datetime
    updated_at: datetime
    files: tuple[JobFile, ...] = ()


class ReadyLibrary(Protocol):
    """A user's ready jobs."""

    async def page(
        self,
        user_id: UUID,
        *,
        limit: int,
        offset: int = 0,
        words: tuple[str, ...] = (),
        with_files: bool = False,
        torrents_from: int | None = None,
        at_once: bool = False,
    ) -> list[LibraryEntry]:
        """Newest first.

        Args:
            user_id: the owner.
            limit: most entries.
            offset: entries to skip.
            words: all of them occur, whatever their case, in the job's name or in one file's path.
            with_files: whether the files come along.
            torrents_from: only torrents of at least so many bytes.
            at_once: only what plays at once: not what vanished from its provider and has no copy of our own.
        """
        ...

    async def get(self, user_id: UUID, job_id: UUID) -> LibraryEntry:
        """One with its files. Raises NotFound: unknown, foreign or not ready."""
        ...


def imdb_ids(text: str) -> frozenset[str]:
    """The ids that a name spells out, as media servers write them into folder names."""
    return frozenset(_IMDB.findall(text))
