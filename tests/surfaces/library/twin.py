"""A provider in memory, keyed by account, whose world a test can move."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sluicegate.core.accounts import Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import SluicegateError, TransferMissing
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import Page, Provider
from sluicegate.core.sources import Magnet, TorrentFile, WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import link_hash


@dataclass
class TwinWorld:
    """What the provider knows; ``failing`` is raised by every call while it is set."""

    transfers: dict[str, Transfer] = field(default_factory=dict)
    failing: SluicegateError | None = None
    cached: bool = False
    link: Link = field(default_factory=lambda: Link("https://cdn.example/secret/film.mkv"))
    viewers: list[str | None] = field(default_factory=list)

    def move(self, transfer_id: str, state: TransferState, **facts: object) -> None:
        self.transfers[transfer_id] = replace(self.transfers[transfer_id], state=state, **facts)


class Twin(Provider):
    """Answers from a ``TwinWorld``; it bears a real provider's name, as the contract knows no other."""

    name = "torbox"

    def __init__(self, world: TwinWorld, credential: Credential) -> None:
        self._world = world
        self._account = credential.account_id

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        return self._take(magnet.info_hash, magnet.name)

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        return self._take(torrent.info_hash, torrent.name)

    async def submit_web(self, link: WebLink) -> Submission:
        return self._take(link_hash(link.url), "a link")

    async def get(self, transfer_id: str) -> Transfer:
        self._answer()
        if transfer_id not in self._world.transfers:
            raise TransferMissing("There is no such transfer.", provider=self.name)
        return self._world.transfers[transfer_id]

    async def list_page(self, cursor: str | None = None) -> Page:
        self._answer()
        return Page(tuple(self._world.transfers.values()))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        self._answer()
        return (
            RemoteFile(0, "film.mkv", 1_000_000, str(Locator.of(self.name, transfer_id, 0)), "video/x-matroska"),
            RemoteFile(1, "extras/notes.nfo", -1, str(Locator.of(self.name, transfer_id, 1))),
        )

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        self._answer()
        self._world.viewers.append(viewer_address)
        return self._world.link

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        self._answer()
        return tuple(Availability(info_hash, cached=self._world.cached) for info_hash in hashes)

    async def aclose(self) -> None:
        pass

    def _take(self, info_hash: str, name: str) -> Submission:
        self._answer()
        transfer_id = f"t-{info_hash[:8]}"
        state = TransferState.READY if self._world.cached else TransferState.QUEUED
        self._world.transfers.setdefault(
            transfer_id, Transfer(transfer_id, state, name=name, info_hash=info_hash, size=1_000_000)
        )
        return Submission(transfer_id, cached=self._world.cached)

    def _answer(self) -> None:
        if self._world.failing is not None:
            raise self._world.failing
