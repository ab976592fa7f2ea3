"""Real-Debrid as a ``Provider``.

There is no availability check: it was switched off in November 2024, and what clients do instead writes to the account.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.errors import InvalidInput, ProtocolError, TransferMissing, TransferNotReady
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_magnet, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, mime_type_of, safe_relative_path, safe_segment
from sluicegate.core.provider import HosterSupport, Page, Provider
from sluicegate.core.sources import Magnet, TorrentFile, WebLink
from sluicegate.core.told_values import told_hash, told_size, told_time, told_whole
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.net.http import Http
from sluicegate.providers.realdebrid.api import Info, RealDebridApi, Torrent, Unrestricted

__all__ = ["RealDebrid"]

_BASE_URL: Final = read_manifest("sluicegate.providers.realdebrid").base_url
_STATES: Final = {
    "magnet_conversion": TransferState.RESOLVING,
    "waiting_files_selection": TransferState.SELECTING,
    "queued": TransferState.QUEUED,
    "downloading": TransferState.DOWNLOADING,
    "compressing": TransferState.PROCESSING,
    "uploading": TransferState.PROCESSING,
    "downloaded": TransferState.READY,
    "magnet_error": TransferState.FAILED,
    "error": TransferState.FAILED,
    "virus": TransferState.FAILED,
    "dead": TransferState.FAILED,
}

_ID: Final = re.compile(r"[A-Za-z0-9]{1,64}")
_OWN_LINK: Final = re.compile(r"https://(?:www\.)?real-debrid\.com/d/([A-Z0-9]{13})[A-Z0-9]*", re.IGNORECASE)
_LINK_CODE: Final = re.compile(r"[A-Z0-9]{13}")
_PAGES_MAX: Final = 50


class RealDebrid(Provider):
    """One account at Real-Debrid.

    Args:
        http: the shared client; it stays open.
        credential: the account's private or OAuth token.
        base_url: overrides the credential's and the published address.
    """

    name: ClassVar[str] = "realdebrid"
    addressed_links: ClassVar[bool] = True

    page_size: ClassVar[int] = 1000
    """Torrents asked for at once. The service gives up to 5000, but many of those have hundreds of links."""

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        self._api = RealDebridApi(http, credential, base_url or credential.base_url or _BASE_URL)

    async def account(self) -> AccountFacts:
        """Whether the account is premium, and until when."""
        user = await self._api.user()
        premium = {"premium": True, "free": False}.get(user.type)
        limits = (("points", float(points)),) if (points := told_whole(user.points)) is not None else ()
        return AccountFacts(str(user.id), premium, display_text(user.type, 50), told_time(user.expiration), limits)

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet; files must be selected before it starts.

        Adding the same hash twice makes two torrents at Real-Debrid, so the account's list is looked through first:
        one request for each ``page_size`` torrents, then one to add.
        """
        clean = parse_magnet(render_magnet(magnet))
        known = await self._find(clean.info_hash)
        if known is not None:
            return known
        added = await self._api.add_magnet(render_magnet(clean))
        return Submission(added.id, existing=False)

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``; looks for its hash first, as ``submit_magnet`` does."""
        known = await self._find(torrent.info_hash)
        if known is not None:
            return known
        added = await self._api.add_torrent(torrent.raw)
        return Submission(added.id, existing=False)

    async def select(self, transfer_id: str, indexes: Sequence[int] | None = None) -> None:
        """Selects files, which starts the torrent; it cannot be changed later, and doing it twice is fine.

        The same 404 stands for a torrent that is not there, one whose files are not known yet, and a wrong index: in
        that case a second request tells which.

        Raises:
            TransferNotReady: the files are not known yet.
            InvalidInput: there is no file with such an index, or none is chosen.
        """
        if indexes is not None and not indexes:
            raise InvalidInput("Choose at least one file.", field="indexes")
        chosen = "all" if indexes is None else ",".join(str(index + 1) for index in indexes)
        try:
            await self._api.select(_checked(transfer_id), chosen)
        except TransferMissing:
            info = await self._api.info(_checked(transfer_id))
            if _state(info) is TransferState.RESOLVING:
                raise TransferNotReady("Real-Debrid does not know the files yet.", provider=self.name) from None
            raise InvalidInput("This transfer has no file with such an index.", field="indexes") from None

    async def list_page(self, cursor: str | None = None) -> Page:
        """One page, newest first; ``X-Total-Count`` tells whether there are more."""
        page = int(cursor) if cursor and cursor.isascii() and cursor.isdecimal() and len(cursor) < 10 else 1
        found = await self._api.torrents(page=page, limit=self.page_size)
        transfers = tuple(_transfer(row) for row in found.torrents)
        if found.total is None:
            more = len(transfers) >= self.page_size
        else:
            more = bool(transfers) and page * self.page_size < found.total
        return Page(transfers, str(page + 1) if more else None)

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return _transfer(await self._api.info(_checked(transfer_id)))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files of a transfer; of a packed one also the archives, which alone have locators then.

        Raises:
            UnsafeSource: a file's name tries to leave its folder.
        """
        info = await self._api.info(_checked(transfer_id))
        if not info.files:
            raise TransferNotReady("Real-Debrid does not know the files yet.", provider=self.name)
        return _files(info)

    async def remove(self, transfer_id: str) -> None:
        """Removes a torrent and its links."""
        try:
            await self._api.delete(_checked(transfer_id))
        except TransferMissing:
            return

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A fresh direct link. A dead one stays dead: the torrent must be removed and added again."""
        (code,) = Locator.parse(locator, self.name, 1).parts
        if not _LINK_CODE.fullmatch(code):
            raise InvalidInput("This is not a file handle of realdebrid.", field="locator")
        url = f"https://real-debrid.com/d/{code}"
        return _link(await self._api.unrestrict(url, viewer_address=viewer_address))

    async def unlock(self, link: WebLink) -> Link:
        """A direct link to what a hoster link leads to."""
        return _link(await self._api.unrestrict(parse_link(link.url).url, password=link.password))

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The supported hosters by main domain."""
        states = {"up": True, "down": False}
        return tuple(
            HosterSupport(
                display_text(host.name), (domain.lower().removeprefix("www."),), states.get(host.status or "")
            )
            for domain, host in (await self._api.hosts()).items()
            if host.supported and host.status != "unsupported"
        )

    async def aclose(self) -> None:
        """Nothing to free: the client is shared."""

    async def _find(self, info_hash: str) -> Submission | None:
        """The account's torrent with this hash that has not failed."""
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            page = await self.list_page(cursor)
            for transfer in page.transfers:
                if transfer.info_hash == info_hash and transfer.state is not TransferState.FAILED:
                    return Submission(transfer.id, existing=True, transfer=transfer)
            cursor = page.next_cursor
            if cursor is None:
                break
        return None


def _transfer(row: Torrent) -> Transfer:
    """A row as a transfer. Dates end in ``Z`` but look like the provider's local time: off by up to two hours."""
    state = _state(row)
    return Transfer(
        id=row.id,
        state=state,
        name=display_text(row.filename or ""),
        info_hash=told_hash(row.hash),
        size=told_whole(row.bytes) or None,
        progress=1.0 if state is TransferState.READY else min(1.0, max(0.0, (row.progress or 0) / 100)),
        speed=told_whole(row.speed),
        seeders=told_whole(row.seeders),
        added_at=told_time(row.added),
        detail=display_text(row.status, 200),
    )


def _state(row: Torrent) -> TransferState:
    """Downloaded means with links; for a moment a torrent can be downloaded without any."""
    state = _STATES.get(row.status, TransferState.UNKNOWN)
    return TransferState.PROCESSING if state is TransferState.READY and not row.links else state


def _files(info: Info) -> tuple[RemoteFile, ...]:
    """Files and links.

    Links follow the selected files one to one, in the order of their ids. When their number differs, the provider has
    packed the selection into archives and positions mean nothing any more.
    """
    state = _state(info)
    rows = sorted(info.files or (), key=lambda row: row.id)
    locators = [_locator(url) for url in info.links or ()] if state is TransferState.READY else []
    chosen = [row.id for row in rows if row.selected]
    packed = len(locators) != len(chosen)
    by_id = {} if packed else dict(zip(chosen, locators, strict=True))
    paths = disambiguate(safe_relative_path(row.path.removeprefix("/")) for row in rows)
    files = tuple(
        RemoteFile(
            index=row.id - 1,
            path=path,
            size=told_size(row.bytes),
            locator=by_id.get(row.id),
            mime_type=mime_type_of(path),
            selected=bool(row.selected) or state is TransferState.SELECTING,
        )
        for row, path in zip(rows, paths, strict=True)
    )
    return files + _archives(info, locators, after=rows[-1].id) if packed else files


def _archives(info: Info, locators: Sequence[str], *, after: int) -> tuple[RemoteFile, ...]:
    """The archives as files of their own behind the torrent's; their sizes show only when they are linked."""
    name = safe_segment(info.filename or "", "archive")
    marks = [""] if len(locators) == 1 else [f".part{number}" for number in range(1, len(locators) + 1)]
    return tuple(
        RemoteFile(after + position, f"{name}{mark}.rar", -1, locator, "application/vnd.rar")
        for position, (mark, locator) in enumerate(zip(marks, locators, strict=True))
    )


def _locator(url: str) -> str:
    """A handle made of the part of a link that counts, its first 13 characters; it opens with the account's token."""
    found = _OWN_LINK.fullmatch(url)
    if found is None:
        raise ProtocolError("Real-Debrid names a link of an unknown form.", provider=RealDebrid.name)
    return str(Locator.of(RealDebrid.name, found[1].upper()))


def _link(found: Unrestricted) -> Link:
    return Link(found.download, name=display_text(found.filename or ""), size=told_whole(found.filesize) or None)


def _checked(transfer_id: str) -> str:
    if not _ID.fullmatch(transfer_id):
        raise TransferMissing("Real-Debrid has no transfer with such an id.", provider=RealDebrid.name)
    return transfer_id
