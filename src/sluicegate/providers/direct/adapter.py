"""The provider ``direct``: plain links without an account, ending in files on this machine."""

import shutil
from typing import ClassVar

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.errors import TransferFailed, TransferNotReady
from sluicegate.core.files import RemoteFile
from sluicegate.core.local import LocalFile
from sluicegate.core.provider import Page, Provider
from sluicegate.core.sources import WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.providers.direct.downloader import Downloader
from sluicegate.providers.direct.records import Phase

__all__ = ["Direct"]


class Direct(Provider):
    """Downloads links by itself; transfers have the SHA-1 of the link as their id.

    It borrows the downloader: ``aclose`` leaves that running for whoever made it. ``link`` is not supported, because a
    finished file is collected (``LocalFiles``) and stored, and then served from there.
    """

    name: ClassVar[str] = "direct"

    def __init__(self, downloader: Downloader) -> None:
        self._downloader = downloader

    async def account(self) -> AccountFacts:
        """Facts about this machine; there is no account behind it."""
        options = self._downloader.options
        free = shutil.disk_usage(options.folder).free if options.folder.exists() else 0
        return AccountFacts(
            id="local",
            premium=None,
            plan="this machine",
            limits=(
                ("disk_free_bytes", float(free)),
                ("transfers", float(len(self._downloader.all()))),
                ("active_transfers_max", float(options.max_active)),
                ("file_bytes_max", float(options.max_bytes)),
            ),
        )

    async def submit_web(self, link: WebLink) -> Submission:
        """Asks the host for the first byte, then downloads in the background.

        Raises:
            FileGone: the host has no such file.
            SourceRejected: it does not hand the file out, or the file is larger than allowed.
            ForbiddenAddress: the link leads to an address that may not be connected to.
            UpstreamRateLimited, UpstreamUnavailable, ProtocolError: as the host behaves.
        """
        download, existing = await self._downloader.submit(link.url)
        transfer = download.transfer()
        return Submission(transfer.id, existing, cached=transfer.state is TransferState.READY, transfer=transfer)

    async def list_page(self, cursor: str | None = None) -> Page:
        """Every transfer on one page, newest first."""
        del cursor
        return Page(tuple(download.transfer() for download in self._downloader.all()))

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return self._downloader.get(transfer_id).transfer()

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The one file; its size is -1 until it is known."""
        record = self._downloader.get(transfer_id).record
        size = -1 if record.size is None else record.size
        return (RemoteFile(0, record.name, size, mime_type=record.mime_type),)

    async def remove(self, transfer_id: str) -> None:
        """Ends the transfer and deletes what it has on disk."""
        await self._downloader.remove(transfer_id)

    async def collect(self, transfer_id: str) -> tuple[LocalFile, ...]:
        """The finished file; see ``core.local.LocalFiles``."""
        record = self._downloader.get(transfer_id).record
        if record.phase is Phase.FAILED:
            raise TransferFailed(record.words, provider=self.name)
        if record.phase is not Phase.READY or record.size is None:
            raise TransferNotReady("The file is still being downloaded.", provider=self.name)
        return (LocalFile(0, record.name, self._downloader.location(record), record.size),)

    async def release(self, transfer_id: str) -> None:
        """Forgets the transfer; see ``core.local.LocalFiles``."""
        await self.remove(transfer_id)

    async def aclose(self) -> None:
        """Nothing to free: the downloader belongs to whoever handed it in."""
