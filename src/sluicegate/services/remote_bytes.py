"""A file behind a provider's link, read as one unbroken stream although links expire and connections break."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from sluicegate.core.errors import FileGone, LinkExpired, UpstreamUnavailable
from sluicegate.core.links import Link

__all__ = ["LinkReader", "RemoteBytes"]

_RENEWALS_MAX: Final = 8
"""In one reading, counted from the last byte that arrived: a dead file must not be asked for for ever."""


class LinkReader(Protocol):
    """Reads bytes behind a direct link."""

    def read(self, link: Link, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """Yields bytes ``start`` to ``stop`` (exclusive).

        Raises:
            LinkExpired: the remote side refuses the link (401, 403, 404, 410).
            UpstreamUnavailable: it cannot be reached, or fewer bytes than asked for arrived.
            ProtocolError: it answers another range than asked for.
        """
        ...


@dataclass(frozen=True, slots=True)
class RemoteBytes:
    """Implements ``core.byte_source.ByteSource`` over links that can be made again.

    Attributes:
        resolve: makes or recalls a link.
        expire: told when a link turned out to be dead, so that the next ``resolve`` makes another.
    """

    name: str
    size: int | None
    mime_type: str | None
    etag: str | None
    resolve: Callable[[], Awaitable[Link]]
    expire: Callable[[Link], None]
    reader: LinkReader
    modified_at: datetime | None = None
    local_path: Path | None = None

    def open(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """Yields the bytes; after an expiry or a break it goes on at the byte where it stopped."""
        return self._read(start, stop if stop is not None else self.size)

    async def _read(self, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        position, renewals = start, 0
        while stop is None or position < stop:
            link = await self.resolve()
            try:
                async with aclosing(self.reader.read(link, position, stop)) as chunks:
                    async for chunk in chunks:
                        position += len(chunk)
                        renewals = 0
                        yield chunk
            except LinkExpired as error:
                self.expire(link)
                renewals += 1
                if renewals > _RENEWALS_MAX:
                    raise FileGone(f"The provider's links to {self.name!r} do not work.") from error
            except UpstreamUnavailable:
                renewals += 1
                if renewals > _RENEWALS_MAX:
                    raise
            else:
                return
