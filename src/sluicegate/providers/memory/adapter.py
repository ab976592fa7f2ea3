"""The provider ``memory``: every capability, without a wire. What it says is what the test's ``World`` says."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import FileGone, InvalidInput, TransferFailed, TransferNotReady
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.local import LocalFile
from sluicegate.core.names import mime_type_of
from sluicegate.core.provider import Control, HosterSupport, Page, Provider
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet, Nzb, SourceKind, TorrentFile, WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.providers.memory.world import Holding, World

__all__ = ["LocalMemory", "Memory"]

_NOBODY: Final = Credential("", Secret("nobody"))
_LINKABLE: Final = 2


class Memory(Provider):
    """One account in a ``World``. A subclass may take another house name to stand in for that provider."""

    name: ClassVar[str] = "memory"

    def __init__(self, world: World, credential: Credential = _NOBODY) -> None:
        self._world = world
        self._account = credential.account_id
        self._token = credential.token.reveal()

    async def account(self) -> AccountFacts:
        """A premium account that is named after the token's hint."""
        await self._enter("account")
        return AccountFacts(
            id=f"user-{hashlib.sha256(self._token.encode()).hexdigest()[:8]}", premium=True, plan="memory"
        )

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet."""
        return await self._submit("submit_magnet", magnet.info_hash, SourceKind.TORRENT)

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``."""
        return await self._submit("submit_torrent_file", torrent.info_hash, SourceKind.TORRENT)

    async def submit_nzb(self, nzb: Nzb) -> Submission:
        """Hands in an NZB; its link or name is what content is defined for."""
        return await self._submit("submit_nzb", nzb.url or nzb.name, SourceKind.USENET)

    async def submit_web(self, link: WebLink) -> Submission:
        """Hands in a link."""
        return await self._submit("submit_web", link.url, SourceKind.WEB)

    async def select(self, transfer_id: str, indexes: Sequence[int] | None = None) -> None:
        """Selects files and lets the transfer go on."""
        holding = await self._holding("select", transfer_id)
        holding.chosen = None if indexes is None else frozenset(indexes)
        if holding.transfer.state is TransferState.SELECTING:
            holding.move()

    async def list_page(self, cursor: str | None = None) -> Page:
        """Newest first, ``World.page_size`` at a time."""
        await self._enter("list_page", cursor or "")
        start, size = int(cursor or 0), self._world.page_size
        holdings = self._world.holdings(self._token)
        following = str(start + size) if start + size < len(holdings) else None
        return Page(tuple(holding.look() for holding in holdings[start : start + size]), following)

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return (await self._holding("get", transfer_id)).look()

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files of a transfer, with locators once it is ready."""
        holding = await self._holding("files", transfer_id)
        if holding.transfer.state in {TransferState.QUEUED, TransferState.RESOLVING}:
            raise TransferNotReady("The files are not known yet.", provider=self.name)
        return tuple(self._file(holding, index, path) for index, path in enumerate(holding.content.files))

    async def remove(self, transfer_id: str) -> None:
        """Removes a transfer."""
        await self._enter("remove", transfer_id)
        self._world.drop(self._token, transfer_id)

    async def control(self, transfer_id: str, operation: Control) -> None:
        """Takes note of it."""
        await self._holding("control", transfer_id)
        del operation

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A link that nobody answers at, different with every call."""
        del viewer_address
        transfer_id, index = Locator.parse(locator, self.name, _LINKABLE).parts
        holding = await self._holding("link", transfer_id)
        if holding.transfer.state is not TransferState.READY:
            raise TransferNotReady("The file is not there yet.", provider=self.name)
        paths = list(holding.content.files)
        if not index.isdecimal() or int(index) >= len(paths):
            raise FileGone("There is no such file.", provider=self.name)
        return self._link(paths[int(index)], len(holding.content.files[paths[int(index)]]))

    async def unlock(self, link: WebLink) -> Link:
        """A link to the first file of what the URL stands for."""
        await self._enter("unlock", link.url)
        content = self._world.content(link.url)
        if content.refusal is not None:
            raise content.refusal
        path, content_bytes = next(iter(content.files.items()))
        return self._link(path, len(content_bytes))

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """One hoster."""
        await self._enter("hosters")
        return (HosterSupport("Example", ("example.com",), up=True),)

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        """What ``Content.cached`` says; unknown for what nobody defined."""
        await self._enter("availability", ",".join(hashes))
        return tuple(self._availability(info_hash) for info_hash in hashes)

    async def aclose(self) -> None:
        """Nothing to free."""

    async def _enter(self, operation: str, subject: str = "") -> None:
        await self._world.enter(operation, self._account, self._token, subject)

    async def _holding(self, operation: str, transfer_id: str) -> Holding:
        await self._enter(operation, transfer_id)
        return self._world.holding(self._token, transfer_id)

    async def _submit(self, operation: str, key: str, kind: SourceKind) -> Submission:
        if not key:
            raise InvalidInput("There is nothing to hand in.")
        await self._enter(operation, key)
        holding, existing = self._world.add(self._token, key, kind)
        ready = holding.transfer.state is TransferState.READY
        return Submission(holding.transfer.id, existing, cached=ready, transfer=holding.transfer)

    def _file(self, holding: Holding, index: int, path: str) -> RemoteFile:
        ready = holding.transfer.state is TransferState.READY
        locator = str(Locator.of(self.name, holding.transfer.id, index)) if ready else None
        size = len(holding.content.files[path])
        return RemoteFile(index, path, size, locator, mime_type_of(path), selected=holding.wants(index))

    def _link(self, path: str, size: int) -> Link:
        number = len(self._world.calls)
        expires = self._world.clock.now() + self._world.link_lifetime
        return Link(f"https://memory.invalid/{number}/{path}", expires, name=path.rpartition("/")[2], size=size)

    def _availability(self, info_hash: str) -> Availability:
        content = self._world.content(info_hash)
        if not self._world.defined(info_hash):
            return Availability(info_hash, None)
        return Availability(info_hash, content.cached, name=content.name, size=content.size)


class LocalMemory(Memory):
    """The twin of a provider whose transfers end on our own disk; ``folder`` is where its files appear."""

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(world)
        self._folder = folder

    async def collect(self, transfer_id: str) -> tuple[LocalFile, ...]:
        """The files; each appears on disk at the first call and may then be moved away."""
        holding = await self._holding("collect", transfer_id)
        if holding.transfer.state is TransferState.FAILED:
            raise TransferFailed(holding.transfer.detail, provider=self.name)
        if holding.transfer.state is not TransferState.READY:
            raise TransferNotReady("It has not finished.", provider=self.name)
        folder = self._folder / transfer_id
        if not folder.exists():
            folder.mkdir(parents=True)
            for index, content in enumerate(holding.content.files.values()):
                (folder / str(index)).write_bytes(content)
        return tuple(
            LocalFile(index, path, folder / str(index), len(content))
            for index, (path, content) in enumerate(holding.content.files.items())
            if holding.wants(index)
        )

    async def release(self, transfer_id: str) -> None:
        """Forgets the transfer."""
        await self.remove(transfer_id)
