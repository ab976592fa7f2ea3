"""Files: what a provider holds, what we keep, and the opaque handle between the two."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote
from uuid import UUID

from sluicegate.core.errors import InvalidInput

__all__ = ["JobFile", "Locator", "RemoteFile"]


@dataclass(frozen=True, slots=True)
class Locator:
    """Opaque handle of a file at one provider; only the adapter that made it reads its parts.

    The text form is ``<provider>:<part>[:<part>…]`` with each part percent-encoded, so that it survives any column,
    URL or log. It never contains a credential or a direct link that grants access by itself.
    """

    provider: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, provider: str, *parts: str | int) -> Self:
        """Makes a locator; ``parts`` are the adapter's own business and must not be empty."""
        return cls(provider, tuple(str(part) for part in parts))

    @classmethod
    def parse(cls, text: str, provider: str, count: int) -> Self:
        """Reads ``text`` back.

        Raises:
            InvalidInput: ``text`` is not a locator, belongs to another provider, or has not ``count`` parts.
        """
        head, *rest = text.split(":")
        parts = tuple(unquote(part) for part in rest)
        if head != provider or len(parts) != count or not all(parts):
            raise InvalidInput(f"This is not a file handle of {provider}.", field="locator")
        return cls(head, parts)

    def __str__(self) -> str:
        return ":".join((self.provider, *(quote(part, safe="") for part in self.parts)))


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a transfer, as the provider tells it.

    Attributes:
        index: position in the transfer, stable for one transfer; -1 when the provider has no such notion.
        path: relative, POSIX, without climbing; the torrent's root folder is not part of it.
        size: bytes, -1 when unknown.
        locator: text form of the handle for ``Provider.link``; None while the file cannot be linked.
        mime_type: as the provider says, or None.
        selected: False when the provider will not fetch it.
    """

    index: int
    path: str
    size: int
    locator: str | None = None
    mime_type: str | None = None
    selected: bool = True

    @property
    def name(self) -> str:
        """The last segment of ``path``."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file of a job as a user sees it.

    Attributes:
        index: position inside the torrent.
        stored_key: key in ``storage`` when we keep an own copy, else None.
        storage: id of the storage that keeps it (``local`` by default).
        locator: handle at the provider, when a provider holds it.
    """

    id: UUID
    job_id: UUID
    index: int
    path: str
    size: int
    mime_type: str | None = None
    locator: str | None = None
    storage: str | None = None
    stored_key: str | None = None

    @property
    def name(self) -> str:
        """The last segment of ``path``."""
        return self.path.rpartition("/")[2]
