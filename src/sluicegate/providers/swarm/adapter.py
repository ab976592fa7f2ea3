"""The provider ``swarm``: BitTorrent without an account, ending in files on this machine."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final, NoReturn, TypeVar

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.errors import (
    InvalidInput,
    SlotsFull,
    SluicegateError,
    SourceRejected,
    StorageFull,
    TransferFailed,
    TransferMissing,
    TransferNotReady,
    UpstreamUnavailable,
)
from sluicegate.core.files import RemoteFile
from sluicegate.core.local import LocalFile
from sluicegate.core.names import mime_type_of
from sluicegate.core.provider import Page, Provider
from sluicegate.core.sources import Magnet, TorrentFile
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.providers.swarm import wire
from sluicegate.providers.swarm.engine_link import EngineLink

__all__ = ["Swarm"]

_R = TypeVar("_R", bound=wire.Result)


class Swarm(Provider):
    """Downloads torrents by itself; transfers have the info hash as their id.

    It borrows the engine: ``aclose`` leaves that running for whoever made it. ``link`` is not supported, because a
    finished file is collected (``LocalFiles``) and stored, and then served from there.
    """

    name: ClassVar[str] = "swarm"

    def __init__(self, engine: EngineLink) -> None:
        self._engine = engine

    async def account(self) -> AccountFacts:
        """Facts about this machine; there is no account behind it."""
        facts = await self._ask(wire.Health(), wire.Facts)
        options = self._engine.options
        return AccountFacts(
            id="local",
            premium=None,
            plan="this machine",
            limits=(
                ("disk_free_bytes", float(facts.disk_free)),
                ("transfers", float(facts.transfers)),
                ("peers", float(facts.peers)),
                ("listen_port", float(facts.port)),
                ("active_transfers_max", float(options.max_active)),
                ("upload_bytes_per_second", float(options.upload_limit)),
            ),
        )

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Downloads a magnet; one whose metadata alone was fetched so far goes on with all its files."""
        return await self._submit(_of_magnet(magnet))

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Downloads a ``.torrent``."""
        return await self._submit(
            wire.Add(
                info_hash=torrent.info_hash,
                info_hash_v2=torrent.info_hash_v2,
                name=torrent.name,
                torrent=torrent.raw,
            )
        )

    async def resolve(self, magnet: Magnet) -> Submission:
        """Fetches name and file list of a magnet and no more: the transfer goes from RESOLVING to SELECTING.

        ``select`` or ``submit_magnet`` then download it, ``remove`` forgets it.
        """
        return await self._submit(_of_magnet(magnet, metadata_only=True))

    async def select(self, transfer_id: str, indexes: Sequence[int] | None = None) -> None:
        """Downloads these files only, or all; also while it is downloading. A finished transfer stays as it is.

        Raises:
            InvalidInput: no index is given, or one that the torrent does not have.
        """
        chosen = None if indexes is None else tuple(sorted(set(indexes)))
        await self._ask(wire.Choose(transfer_id, chosen), wire.Done)

    async def list_page(self, cursor: str | None = None) -> Page:
        """Every transfer on one page, newest first."""
        del cursor
        if self._engine.pid is None and not self._engine.has_records():
            return Page(())
        listing = await self._ask(wire.Report(), wire.TransferList)
        return Page(tuple(_transfer(facts) for facts in listing.items))

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return _transfer(await self._ask(wire.Get(transfer_id), wire.TransferFacts))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files, padding left out; ``index`` counts it, as every BitTorrent program does."""
        return tuple(
            RemoteFile(file.index, file.path, file.size, mime_type=mime_type_of(file.path), selected=file.wanted)
            for file in await self._all_files(wire.Files, transfer_id)
        )

    async def remove(self, transfer_id: str) -> None:
        """Ends the transfer and deletes what it has on disk."""
        if self._engine.pid is not None or self._engine.has_records():
            await self._ask(wire.Remove(transfer_id), wire.Done)

    async def collect(self, transfer_id: str) -> tuple[LocalFile, ...]:
        """The finished files; see ``core.local.LocalFiles``."""
        root = self._engine.options.folder.absolute()
        return tuple(
            LocalFile(file.index, file.path, Path(root, file.disk), file.size)
            for file in await self._all_files(wire.Collect, transfer_id)
        )

    async def release(self, transfer_id: str) -> None:
        """Forgets the transfer; see ``core.local.LocalFiles``."""
        await self.remove(transfer_id)

    async def aclose(self) -> None:
        """Nothing to free: the engine belongs to whoever handed it in."""

    async def _submit(self, call: wire.Add) -> Submission:
        added = await self._ask(call, wire.Added)
        transfer = _transfer(added.transfer)
        return Submission(transfer.id, added.existing, cached=transfer.state is TransferState.READY, transfer=transfer)

    async def _all_files(self, kind: type[wire.Files | wire.Collect], transfer_id: str) -> list[wire.FileFacts]:
        files: list[wire.FileFacts] = []
        start: int | None = 0
        while start is not None:
            part = await self._ask(kind(transfer_id, start), wire.FileList)
            files += part.items
            start = part.following
        return files

    async def _ask(self, call: wire.Call, expected: type[_R]) -> _R:
        result = await self._engine.call(call)
        if isinstance(result, wire.Fault):
            _raise(result)
        if not isinstance(result, expected):
            raise UpstreamUnavailable("The torrent engine answered out of turn.", provider="swarm")
        return result


def _of_magnet(magnet: Magnet, *, metadata_only: bool = False) -> wire.Add:
    return wire.Add(
        info_hash=magnet.info_hash,
        info_hash_v2=magnet.info_hash_v2,
        name=magnet.name,
        trackers=magnet.trackers,
        web_seeds=magnet.web_seeds,
        peers=magnet.peers,
        metadata_only=metadata_only,
    )


def _transfer(facts: wire.TransferFacts) -> Transfer:
    return Transfer(
        id=facts.id,
        state=facts.state,
        name=facts.name,
        info_hash=facts.id,
        size=facts.size,
        progress=facts.progress,
        speed=facts.speed,
        seeders=facts.seeders,
        added_at=datetime.fromtimestamp(facts.added_at, UTC),
        detail=facts.detail,
    )


_FAULTS: Final[dict[str, type[SluicegateError]]] = {"invalid": InvalidInput, "full": StorageFull}
_UPSTREAM_FAULTS: Final = {
    "missing": TransferMissing,
    "not_ready": TransferNotReady,
    "failed": TransferFailed,
    "refused": SourceRejected,
    "slots": SlotsFull,
}


def _raise(fault: wire.Fault) -> NoReturn:
    if kind := _FAULTS.get(fault.kind):
        raise kind(fault.words)
    raise _UPSTREAM_FAULTS.get(fault.kind, UpstreamUnavailable)(fault.words, provider="swarm", upstream_code=fault.kind)
