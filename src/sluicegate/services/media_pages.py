"""Looking at an address without making a job: its metadata, and whether it is a collection."""

import asyncio
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.errors import DeadlineExceeded, SluicegateError, UnsafeSource
from sluicegate.core.media import MediaEntry, MediaFacts, MediaWorkshop
from sluicegate.services.fair_slots import FairSlots

__all__ = ["MediaPageService"]

_METADATA_SECONDS: Final = 60.0
_EXPANSION_SECONDS: Final = 120.0
"""The contract lets the expansion of a big show take this long inside the request (sheet, section 1.3)."""

_PLAIN: Final = (
    *(".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi", ".flv", ".ts", ".m3u8", ".mpd"),
    *(".m4a", ".mp3", ".ogg", ".opus", ".aac", ".wav", ".flac"),
)


class MediaPageService:
    """Reads pages in child processes; a few at a time, fairly between users."""

    def __init__(self, workshop: MediaWorkshop, slots: FairSlots, gate: ContentGate = OPEN_GATE) -> None:
        self._workshop = workshop
        self._gate = gate
        self._slots = slots

    async def facts(self, user_id: UUID, url: str) -> MediaFacts:
        """What the page says about its media.

        Raises:
            DeadlineExceeded: it takes too long.
            ContentBlocked: the operator's blocklist names it.
            SluicegateError: as listed at ``MediaWorkshop``.
        """
        await self._gate.check_link(url)
        return await self._plain(url) or await self._probe(user_id, url, _METADATA_SECONDS)

    async def entries(self, user_id: UUID, url: str) -> tuple[MediaEntry, ...]:
        """The items of a collection, up to the workshop's limit; empty when it is none.

        Whatever else is wrong with the address is for the job to find out: its states have words for it.

        Raises:
            DeadlineExceeded: the expansion takes too long.
            ContentBlocked: the operator's blocklist names it.
        """
        await self._gate.check_link(url)
        if urlsplit(url).path.lower().endswith(tuple(_PLAIN)) or not await self._workshop.is_page(url):
            return ()
        try:
            return (await self._probe(user_id, url, _EXPANSION_SECONDS)).entries
        except DeadlineExceeded:
            raise
        except SluicegateError:
            return ()

    async def _plain(self, url: str) -> MediaFacts | None:
        """What the first bytes of a plain file tell, for which no child process is needed."""
        try:
            async with self._workshop.open_direct(url) as direct:
                if direct is None:
                    return None
                streams = direct.streams
                return MediaFacts(
                    title=direct.name or None,
                    extractor="generic",
                    duration=streams.duration,
                    width=streams.width,
                    height=streams.height,
                    filesize_approx=direct.file.size,
                    direct=direct.file,
                )
        except UnsafeSource:
            return None  # too large to be fetched, which nobody has asked for

    async def _probe(self, user_id: UUID, url: str, seconds: float) -> MediaFacts:
        try:
            async with asyncio.timeout(seconds), self._slots.hold(user_id):
                return await self._workshop.probe(url)
        except TimeoutError:
            raise DeadlineExceeded("Reading the page or expanding the collection took too long.") from None
