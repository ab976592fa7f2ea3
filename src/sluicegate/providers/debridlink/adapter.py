"""Debrid-Link as a ``Provider``.

Torrents are handed in so that they wait for a choice of files: ``select`` starts them. There is no availability check
(it was switched off in November 2024), and nothing but ``unlock`` for hoster links.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.errors import (
    FileGone,
    InvalidInput,
    LinkExpired,
    ProtocolError,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
)
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_magnet, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, mime_type_of, safe_relative_path
from sluicegate.core.provider import HosterSupport, Page, Provider
from sluicegate.core.sources import Magnet, TorrentFile, WebLink
from sluicegate.core.told_values import told_amount, told_hash, told_size, told_whole
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.net.http import Http
from sluicegate.providers.debridlink.api import DebridLinkApi, Download, File, Number, Torrent

__all__ = ["DebridLink"]

_PLANS: Final = {0: "free", 1: "premium", 2: "lifetime"}
_FINISHED: Final = 100
_STATES: Final = {
    0: TransferState.STALLED,
    1: TransferState.QUEUED,
    2: TransferState.DOWNLOADING,
    3: TransferState.QUEUED,
    4: TransferState.DOWNLOADING,
    5: TransferState.DOWNLOADING,
    6: TransferState.DOWNLOADING,
    8: TransferState.DOWNLOADING,
}
"""``status`` of what is not finished. Two readings are about: flags (6 = downloading and verifying) and Transmission's
numbers (6 = seeding). Under both this is safe, because only all bytes or 100 make a transfer ready."""

_ID: Final = re.compile(r"[A-Za-z0-9]{1,40}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_USER: Final = re.compile(r"/user/([0-9A-Za-z]{1,40})/")
_URL: Final = re.compile(r"https?://[^/\s]\S*")
_SECONDS_MAX: Final = 100 * 365 * 86_400


class DebridLink(Provider):
    """One account at Debrid-Link.

    Args:
        http: the shared client; it stays open.
        credential: the account's private API key or access token.
        base_url: overrides the credential's and the published address.
    """

    name: ClassVar[str] = "debridlink"

    page_size: ClassVar[int] = 50
    """Torrents asked for at once. 100 are allowed, but with many files such answers have been seen cut off."""

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        published = read_manifest("sluicegate.providers.debridlink").base_url
        self._api = DebridLinkApi(http, credential, base_url or credential.base_url or published)

    async def account(self) -> AccountFacts:
        """The plan and its end; ``server_detected`` 1 warns that Debrid-Link takes this server for a data centre."""
        me = await self._api.infos()
        number = _USER.search(me.viewSessidUrl or "")
        seconds = told_whole(me.premiumLeft)
        limits = (
            ("points", float(told_whole(me.pts) or 0)),
            ("shared_traffic", float(told_whole(me.trafficshare) or 0)),
            ("server_detected", float(bool(me.serverDetected))),
        )
        user = number.group(1) if number else display_text(me.username, 80).partition("@")[0]
        if not user:
            raise ProtocolError("Debrid-Link does not tell whose account this is.", provider=self.name)
        return AccountFacts(
            id=user,
            premium=me.accountType > 0 if me.accountType in _PLANS else None,
            plan=_PLANS.get(me.accountType, f"type {me.accountType}"),
            expires_at=datetime.now(UTC) + timedelta(seconds=seconds) if seconds and seconds < _SECONDS_MAX else None,
            limits=limits,
        )

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet; the same hash again is the same transfer, moved to the top of the list."""
        clean = parse_magnet(render_magnet(magnet))
        return _submission(await self._api.add_magnet(render_magnet(clean)))

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``."""
        return _submission(await self._api.add_torrent(torrent.raw))

    async def select(self, transfer_id: str, indexes: Sequence[int] | None = None) -> None:
        """Starts a waiting transfer: one request for all files, two for some, because the others are named.

        Raises:
            InvalidInput: none of these files is in it.
        """
        torrent_id = _checked(transfer_id)
        unwanted: list[str] = []
        if indexes is not None:
            files = (await self._torrent(torrent_id)).files or ()
            if not files:
                raise TransferNotReady("Debrid-Link does not know the files yet.", provider=self.name)
            unwanted = [file.id for file in files if _index(torrent_id, file) not in indexes]
            if len(unwanted) == len(files):
                raise InvalidInput("None of these files is in the transfer.", field="indexes")
        await self._api.choose(torrent_id, unwanted)

    async def list_page(self, cursor: str | None = None) -> Page:
        """``page_size`` transfers, newest first; the cursor is the page's number."""
        if not _NUMBER.fullmatch(cursor or "0"):
            raise InvalidInput("This is not a cursor of debridlink.", field="cursor")
        page = await self._api.torrents(int(cursor or 0), self.page_size)
        return Page(tuple(_transfer(row) for row in page.torrents), None if page.next is None else str(page.next))

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return _transfer(await self._torrent(_checked(transfer_id)))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files; each can be linked when all of it is there, also before the others are.

        Debrid-Link tells bare names only: files that share one get a number (``film (2).mkv``).
        """
        torrent = await self._torrent(_checked(transfer_id))
        if not torrent.files:
            raise TransferNotReady("Debrid-Link does not know the files yet.", provider=self.name)
        return _files(torrent, torrent.files)

    async def remove(self, transfer_id: str) -> None:
        """Removes a transfer. Direct links that were made from it go on working."""
        if _ID.fullmatch(transfer_id):
            await self._api.remove(transfer_id)

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """The file's direct link: without key, from any address, and without a known end."""
        del viewer_address
        torrent_id, number = Locator.parse(locator, self.name, 2).parts
        if not _ID.fullmatch(torrent_id) or not _NUMBER.fullmatch(number):
            raise InvalidInput("This is not a file handle of debridlink.", field="locator")
        torrent = await self._torrent(torrent_id)
        file = next((file for file in torrent.files or () if file.id == f"{torrent_id}-{number}"), None)
        if file is not None and _there(file):
            return _link(file.downloadUrl, file)
        if file is None and _state(torrent) is TransferState.READY:
            raise FileGone("The transfer has no such file any more.", provider=self.name)
        raise TransferNotReady("Debrid-Link has not finished this file.", provider=self.name)

    async def unlock(self, link: WebLink) -> Link:
        """A direct link to what a hoster link leads to.

        Raises:
            TransferNotReady: Debrid-Link is still fetching it; ask again.
            SourceRejected: the link is a folder of several files.
        """
        found = await self._api.unlock(parse_link(link.url).url, link.password)
        if len(found) != 1:
            raise SourceRejected(
                f"The link is a folder of {len(found)} files.",
                provider=self.name,
                action="Hand in the files' own links.",
            )
        (download,) = found
        if download.isProcessing:
            raise TransferNotReady("Debrid-Link is still fetching this link.", provider=self.name)
        if download.expired:
            raise LinkExpired("The direct link is dead already.", provider=self.name)
        return _link(download.downloadUrl, download)

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The hosters that ``unlock`` understands."""
        return tuple(
            HosterSupport(
                display_text(host.name),
                tuple(domain.lower().removeprefix("www.") for domain in host.domains),
                None if host.status is None else host.status > 0,
            )
            for host in await self._api.hosts()
        )

    async def aclose(self) -> None:
        """Nothing to free: the client is shared."""

    async def _torrent(self, torrent_id: str) -> Torrent:
        torrent = await self._api.torrent(torrent_id)
        if torrent is None:
            raise TransferMissing("Debrid-Link has no such transfer.", provider=self.name)
        return torrent


def _submission(row: Torrent) -> Submission:
    """What is finished at once was stored; of anything else Debrid-Link does not tell."""
    transfer = _transfer(row)
    return Submission(row.id, cached=True if transfer.state is TransferState.READY else None, transfer=transfer)


def _transfer(row: Torrent) -> Transfer:
    """A row as a transfer, always without files: lists pack many of them into one ZIP entry."""
    state = _state(row)
    return Transfer(
        id=row.id,
        state=state,
        name=display_text(row.name or ""),
        info_hash=told_hash(row.hashString),
        size=told_whole(row.totalSize) or None,
        progress=1.0 if state is TransferState.READY else min(told_amount(row.downloadPercent), 100) / 100,
        speed=told_whole(row.downloadSpeed),
        seeders=told_whole(row.peersConnected),
        added_at=_time(row.created),
        detail=_detail(row),
    )


def _state(row: Torrent) -> TransferState:
    """Trouble first, then what is there, then what is missing."""
    percent = told_amount(row.downloadPercent)
    finished = isinstance(row.status, int) and row.status >= _FINISHED
    if (row.error or row.errorString) and percent < 100:
        return TransferState.FAILED
    if finished or (percent >= 100 and row.files):
        return TransferState.READY
    if row.wait:
        return TransferState.SELECTING if row.files else TransferState.RESOLVING
    if row.srvMaint:
        return TransferState.QUEUED
    return _STATES.get(row.status, TransferState.UNKNOWN) if isinstance(row.status, int) else TransferState.UNKNOWN


def _detail(row: Torrent) -> str:
    if row.errorString:
        return display_text(row.errorString, 200)
    return display_text("server maintenance" if row.srvMaint else f"status {row.status}", 200)


def _files(torrent: Torrent, files: Sequence[File]) -> tuple[RemoteFile, ...]:
    paths = disambiguate(safe_relative_path(file.name) for file in files)
    return tuple(
        RemoteFile(
            index=(index := _index(torrent.id, file)),
            path=path,
            size=told_size(file.size),
            locator=str(Locator.of(DebridLink.name, torrent.id, index)) if index >= 0 and _there(file) else None,
            mime_type=mime_type_of(path),
        )
        for file, path in zip(files, paths, strict=True)
    )


def _index(torrent_id: str, file: File) -> int:
    """The number in ``<torrent>-<n>``: after a choice of files the numbers have gaps. -1 for an id of another form."""
    head, _, number = file.id.rpartition("-")
    return int(number) if head == torrent_id and _NUMBER.fullmatch(number) else -1


def _there(file: File) -> bool:
    return told_amount(file.downloadPercent) >= 100 and bool(file.downloadUrl)


def _link(url: str | None, told: File | Download) -> Link:
    if url is None or not _URL.fullmatch(url):
        raise ProtocolError("Debrid-Link tells no direct link.", provider=DebridLink.name)
    return Link(url, name=display_text(told.name), size=told_whole(told.size) or None)


def _checked(transfer_id: str) -> str:
    """An id that can stand in a path, and can be told from a list of ids."""
    if not _ID.fullmatch(transfer_id):
        raise TransferMissing("Debrid-Link has no transfer with such an id.", provider=DebridLink.name)
    return transfer_id


def _time(value: Number) -> datetime | None:
    seconds = told_whole(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds < _SECONDS_MAX else None
