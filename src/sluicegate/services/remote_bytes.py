"""A file behind a provider's link, read as one unbroken stream although links expire and connections break.

A link that does not work any more is made again, at the byte where the reading stopped. Where that does not help, the
reading goes on at another account that holds the same file; whoever reads notices a pause at most.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from sluicegate.core.errors import FileGone, LinkExpired, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from sluicegate.core.links import Link

__all__ = ["LinkReader", "Origin", "Origins", "RemoteBytes"]

_RENEWALS: Final = 4
"""Links of one account that may turn out dead in a row before another account is looked for."""
_BREAKS: Final = 2
"""Breaks of one account in a row before another account is looked for; after a time-out that is done at once."""
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before a broken reading goes on at an account that nobody can stand in for."""
_RESTARTS_MAX: Final = 100
"""In one reading: a remote side that breaks after every few bytes must not cost calls for ever."""


class LinkReader(Protocol):
    """Reads bytes behind a direct link."""

    def read(self, link: Link, start: int, stop: int | None, *, size: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yields bytes ``start`` to ``stop`` (exclusive) of a file of ``size`` bytes, None when that is unknown.

        Raises:
            LinkExpired: the remote side refuses the link (401, 403, 404, 410).
            UpstreamUnavailable: it cannot be reached, or fewer bytes than asked for arrived.
            ProtocolError: it answers another range than asked for, or has another file there.
        """
        ...


class Origin(Protocol):
    """One account that holds the file."""

    async def link(self) -> Link:
        """Makes or recalls a link. Raises UpstreamError."""
        ...

    def expire(self, link: Link) -> None:
        """Told when a link turned out to be dead, so that the next ``link`` makes another."""
        ...


class Origins(Protocol):
    """The accounts that hold one file, in the order in which they are read from."""

    async def best(self) -> Origin:
        """Where to read first."""
        ...

    async def other(self, failed: Collection[Origin]) -> Origin | None:
        """An account that has not failed, or None. Where to read first is remembered from this."""
        ...


@dataclass(slots=True)
class _Reading:
    """Where one reading is, and what has gone wrong on the way."""

    position: int
    origin: Origin
    failed: list[Origin]
    renewals: int = 0
    breaks: int = 0
    restarts: int = 0

    def moved(self, count: int) -> None:
        self.position += count
        self.renewals = self.breaks = 0


@dataclass(frozen=True, slots=True)
class RemoteBytes:
    """Implements ``core.byte_source.ByteSource`` over links that can be made again."""

    name: str
    size: int | None
    mime_type: str | None
    etag: str | None
    origins: Origins
    reader: LinkReader
    modified_at: datetime | None = None
    local_path: Path | None = None

    def open(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """Yields the bytes; after an expiry or a break it goes on at the byte where it stopped."""
        return self._read(start, stop if stop is not None else self.size)

    async def _read(self, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        reading = _Reading(start, await self.origins.best(), [])
        while stop is None or reading.position < stop:
            link: Link | None = None
            try:
                link = await reading.origin.link()
                async with aclosing(self.reader.read(link, reading.position, stop, size=self.size)) as chunks:
                    async for chunk in chunks:
                        reading.moved(len(chunk))
                        yield chunk
            except UpstreamError as error:
                if link is not None and not isinstance(error, UpstreamUnavailable):
                    reading.origin.expire(link)
                await self._go_on(reading, error)
            else:
                return

    async def _go_on(self, reading: _Reading, error: UpstreamError) -> None:
        """Decides where the reading goes on after ``error``; raises when it cannot."""
        reading.restarts += 1
        reading.renewals += isinstance(error, LinkExpired)
        reading.breaks += isinstance(error, UpstreamUnavailable)
        if reading.restarts > _RESTARTS_MAX:
            raise error
        if _worth_repeating(error) and reading.renewals < _RENEWALS and reading.breaks < _BREAKS:
            return
        other = await self.origins.other((*reading.failed, reading.origin))
        if other is not None:
            reading.failed.append(reading.origin)
            reading.origin, reading.renewals, reading.breaks = other, 0, 0
        elif isinstance(error, LinkExpired):
            raise FileGone(f"The provider's links to {self.name!r} do not work.") from error
        elif not isinstance(error, UpstreamUnavailable) or reading.breaks > len(_PAUSES):
            raise error
        else:
            await asyncio.sleep(_PAUSES[reading.breaks - 1])


def _worth_repeating(error: UpstreamError) -> bool:
    """Whether the same account may deliver in a moment.

    A limit, a refusal or another file there will stay, and after a time-out the player's patience is nearly over.
    """
    return isinstance(error, LinkExpired | UpstreamUnavailable) and not isinstance(error, UpstreamTimeout)
