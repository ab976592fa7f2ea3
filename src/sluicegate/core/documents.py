"""Documents that are read again and again from an address: feeds, blocklists, metadata."""

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Document", "DocumentReader", "NotChanged", "Redirected"]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was answered.

    Attributes:
        body: decoded bytes, within the bound that was given.
        etag: to be sent with the next request; empty when there was none.
        last_modified: the same.
    """

    body: bytes = field(repr=False)
    etag: str = ""
    last_modified: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class NotChanged:
    """The document is what it was when the validators were handed out."""


@dataclass(frozen=True, slots=True)
class Redirected:
    """The address leads to a magnet instead of a document, as some indexers answer."""

    magnet: str


class DocumentReader(Protocol):
    """Reads documents through the guarded way out."""

    async def read(
        self,
        url: str,
        *,
        limit: int,
        seconds: float,
        accept: str = "*/*",
        etag: str = "",
        last_modified: str = "",
    ) -> Document | NotChanged | Redirected:
        """One conditional GET, redirects followed.

        Args:
            url: http(s) URL; it appears in no error.
            limit: most decoded bytes.
            seconds: for everything.
            accept: wanted media types.
            etag: validator of the last answer.
            last_modified: validator of the last answer.

        Raises:
            ForbiddenAddress: the guard refuses the address or one behind a redirect.
            FileGone, UpstreamError: what went wrong; ``retry_after`` as asked for by the remote side.
        """
        ...
