"""The port to a provider, and how its capabilities are found.

An adapter derives from ``Provider`` and overrides the operations its provider has. Whatever it does not override raises
``NotSupported``; ``Provider.capabilities`` is computed from exactly that, so a capability can never be claimed and
missing. Adapters translate: they never retry, cache, sleep, poll, count or choose.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.availability import Availability
from sluicegate.core.errors import NotSupported
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.sources import Magnet, Nzb, TorrentFile, WebLink
from sluicegate.core.transfers import Submission, Transfer

__all__ = ["Capability", "Control", "HosterSupport", "Page", "Provider"]


class Capability(StrEnum):
    """Optional behaviour of a provider; the value is the name of the ``Provider`` method that provides it."""

    ACCOUNT = "account"
    MAGNET = "submit_magnet"
    TORRENT_FILE = "submit_torrent_file"
    NZB = "submit_nzb"
    WEB = "submit_web"
    SELECT = "select"
    LIST = "list_page"
    GET = "get"
    FILES = "files"
    REMOVE = "remove"
    CONTROL = "control"
    LINK = "link"
    UNLOCK = "unlock"
    HOSTERS = "hosters"
    AVAILABILITY = "availability"


class Control(StrEnum):
    """What can be done with a transfer beside removing it; few providers can do any of it."""

    PAUSE = "pause"
    RESUME = "resume"
    REANNOUNCE = "reannounce"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; ``next_cursor`` is None on the last page. A page that could not be read is an error."""

    transfers: tuple[Transfer, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class HosterSupport:
    """A file hoster that a provider can unlock.

    Attributes:
        name: the provider's name for it.
        domains: lower-case domains without ``www.``.
        up: True, False, or None when the provider does not tell.
    """

    name: str
    domains: tuple[str, ...]
    up: bool | None = None


class Provider(ABC):
    """One account's view of one provider. Cheap to make; holds no state between calls.

    Every method makes exactly one request unless its documentation says otherwise, and raises ``UpstreamError``
    subclasses only (plus ``InvalidInput`` for a malformed locator or source, before any request). Cancelling a call
    leaves no task and no connection behind.
    """

    name: ClassVar[str]
    """House name: ``realdebrid``, ``alldebrid``, ``premiumize``, ``torbox``, ``debridlink``, ``torrin``, …"""

    hashes_per_check: ClassVar[int] = 100
    """Largest batch of one ``availability`` request; ``availability`` splits larger ones by itself."""

    addressed_links: ClassVar[bool] = False
    """True when ``link`` passes the viewer's address on to the provider."""

    poll_seconds: ClassVar[float] = 10.0
    """Least time between two listings of one account that is considerate; the manifest tells it."""

    @classmethod
    def capabilities(cls) -> frozenset[Capability]:
        """The operations this adapter really overrides."""
        return frozenset(c for c in Capability if getattr(cls, c.value) is not getattr(Provider, c.value))

    @classmethod
    def can(cls, capability: Capability) -> bool:
        """True when the adapter overrides the operation."""
        return capability in cls.capabilities()

    async def account(self) -> AccountFacts:
        """What the provider tells about the account; also the cheapest way to test a token."""
        raise self._unsupported("account")

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet. Handing in the same hash twice yields one transfer.

        May need further requests when the provider demands a selection before it starts (Real-Debrid): that is left
        to ``select``; this method only hands in.
        """
        raise self._unsupported("submit_magnet")

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``."""
        raise self._unsupported("submit_torrent_file")

    async def submit_nzb(self, nzb: Nzb) -> Submission:
        """Hands in an NZB by content or link."""
        raise self._unsupported("submit_nzb")

    async def submit_web(self, link: WebLink) -> Submission:
        """Hands in a link that the provider downloads on its side as a transfer."""
        raise self._unsupported("submit_web")

    async def select(self, transfer_id: str, indexes: Sequence[int] | None = None) -> None:
        """Selects files of a transfer in state SELECTING: those with these indexes, or all for None."""
        raise self._unsupported("select")

    async def list_page(self, cursor: str | None = None) -> Page:
        """One page of all transfers of the account, newest first where the provider orders them.

        Raises an error rather than leaving items out. ``cursor`` is a previous page's ``next_cursor``.
        """
        raise self._unsupported("list_page")

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer.

        Raises:
            TransferMissing: the provider knows no such transfer for this account.
        """
        raise self._unsupported("get")

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files of a transfer, with locators once they can be linked.

        Raises:
            TransferMissing: no such transfer.
            TransferNotReady: the provider does not tell the files yet.
        """
        raise self._unsupported("files")

    async def remove(self, transfer_id: str) -> None:
        """Removes a transfer from the account. Removing one that is not there is fine."""
        raise self._unsupported("remove")

    async def control(self, transfer_id: str, operation: Control) -> None:
        """Pauses a transfer, lets it go on, or asks its trackers again.

        Raises:
            NotSupported: the provider does not do this with transfers of this kind.
            TransferMissing: no such transfer.
        """
        raise self._unsupported("control")

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A direct link to one file; may be called again whenever the last one has expired.

        Raises:
            InvalidInput: the locator is malformed or belongs to another provider.
            TransferNotReady: the file is not there yet.
            FileGone, TransferMissing: it is not there any more.
        """
        raise self._unsupported("link")

    async def unlock(self, link: WebLink) -> Link:
        """Turns a file-hoster link into a direct link at once.

        Raises:
            HosterUnsupported, HosterDown, FileGone: three different reasons.
        """
        raise self._unsupported("unlock")

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The file hosters that ``unlock`` understands."""
        raise self._unsupported("hosters")

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        """Whether the provider could deliver these hashes at once, one answer per hash, in order.

        One request per ``hashes_per_check``. A fault is an error, never "not cached".
        """
        raise self._unsupported("availability")

    @abstractmethod
    async def aclose(self) -> None:
        """Frees what the adapter itself opened; idempotent."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _unsupported(self, operation: str) -> NotSupported:
        return NotSupported(f"{self.name} has no operation '{operation}'.", provider=self.name)
