"""What an item of a feed carries: a magnet by its words, or a ``.torrent`` or NZB that is fetched and read."""

import asyncio
from typing import Final
from urllib.parse import unquote, urlsplit

from sluicegate.core.documents import Document, DocumentReader, NotChanged, Redirected
from sluicegate.core.errors import MalformedSource, ProtocolError
from sluicegate.core.feed_items import FeedEntry
from sluicegate.core.magnets import looks_like_info_hash, parse_info_hash, parse_magnet
from sluicegate.core.source_reading import read_upload
from sluicegate.core.sources import Nzb, Source, TorrentFile

__all__ = ["FeedSources"]

_FILE_MAX: Final = 10 << 20
_FILE_SECONDS: Final = 30.0
_READERS: Final = 2
"""Reading a large .torrent takes seconds of CPU; a few at a time leave room for everybody else."""


class FeedSources:
    """Turns items into sources."""

    def __init__(self, reader: DocumentReader) -> None:
        self._reader = reader
        self._readers = asyncio.Semaphore(_READERS)

    async def find(self, entry: FeedEntry) -> Source:
        """The source of an item, in the order of the sheet (9.1): magnet, file, hash.

        Raises:
            InvalidInput: it names none, or one that cannot be read.
            UpstreamError: its file could not be fetched now.
        """
        if magnet := entry.found_magnet:
            return parse_magnet(magnet)
        if entry.file_url:
            return await self._fetched(entry.file_url)
        if looks_like_info_hash(entry.info_hash):
            return parse_info_hash(entry.info_hash)
        raise MalformedSource("The item names no magnet, .torrent, NZB or info hash.", action="")

    async def _fetched(self, url: str) -> Source:
        found = await self._reader.read(
            url, limit=_FILE_MAX, seconds=_FILE_SECONDS, accept="application/x-bittorrent, application/x-nzb, */*;q=0.5"
        )
        match found:
            case Redirected():
                return parse_magnet(found.magnet)
            case Document():
                return await self._read(url, found.body)
            case NotChanged():  # it was not asked conditionally
                raise ProtocolError("The file's address answers nothing.")

    async def _read(self, url: str, raw: bytes) -> TorrentFile | Nzb:
        name = unquote(urlsplit(url).path.rpartition("/")[2]) or "feed"
        async with self._readers:
            return await asyncio.to_thread(read_upload, name, raw)
