"""Pictures that strangers' pages name, fetched on behalf of a viewer: small, in time, and nothing but a picture.

A browser that fetched them itself would tell a stranger who looks at what, and would need a policy that lets pages load
from any host.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.documents import Document, DocumentReader
from sluicegate.core.errors import NotFound
from sluicegate.core.web_links import parse_link

__all__ = ["PICTURE_MAX", "Picture", "PreviewPictures"]

PICTURE_MAX: Final = 2 << 20
"""Bytes."""

_SECONDS: Final = 10.0
_AT_ONCE: Final = 8
_ACCEPT: Final = "image/webp,image/png,image/jpeg,image/gif;q=0.5"
_NONE: Final = "There is no picture that can be shown."


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose first bytes are those of its type."""

    media_type: str
    content: bytes = field(repr=False)


class PreviewPictures:
    """Fetches pictures through the guarded way out; a few at a time."""

    def __init__(self, reader: DocumentReader, gate: ContentGate = OPEN_GATE) -> None:
        self._reader = reader
        self._gate = gate
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def fetch(self, url: str) -> Picture:
        """The picture at an address.

        Raises:
            InvalidInput: the address is none, or leads to a place that may not be connected to.
            NotFound: there is no picture of a kind that browsers show; SVG is none, as it can hold scripts.
            UpstreamError: it cannot be had, or is larger than ``PICTURE_MAX``.
        """
        link = parse_link(url).url
        await self._gate.check_link(link)
        async with self._slots:
            found = await self._reader.read(link, limit=PICTURE_MAX, seconds=_SECONDS, accept=_ACCEPT)
        kind = _kind(found.body) if isinstance(found, Document) else None
        if kind is None or not isinstance(found, Document):
            raise NotFound(_NONE)
        return Picture(kind, found.body)


def _kind(body: bytes) -> str | None:
    """The media type by the signature of the content, whatever the host calls it."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return None
