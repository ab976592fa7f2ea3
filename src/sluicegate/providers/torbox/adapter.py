"""TorBox as a ``Provider``.

A transfer id names its kind, because the number spaces overlap: ``torrent:123``, ``usenet:77``, ``webdl:9``. What waits
in TorBox's queue is ``queued-torrent:5`` and so on; when it starts it becomes another transfer with another id.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Final

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import (
    InvalidInput,
    SlotsFull,
    TransferMissing,
    TransferNotReady,
    UnsafeSource,
    UpstreamPlanRequired,
)
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_info_hash, parse_magnet, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, mime_type_of, safe_relative_path
from sluicegate.core.provider import Control, HosterSupport, Page, Provider
from sluicegate.core.sources import Magnet, Nzb, SourceKind, TorrentFile, WebLink
from sluicegate.core.told_values import told_hash, told_size, told_time, told_whole
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.net.http import Http
from sluicegate.providers.torbox.api import TWINS, CachedItem, Created, File, Item, Queued, TorBoxApi, Twin

__all__ = ["TorBox"]

_BASE_URL: Final = read_manifest("sluicegate.providers.torbox").base_url
_TORRENT, _USENET, _WEB = TWINS.values()
_KINDS: Final = {"torrent": SourceKind.TORRENT, "usenet": SourceKind.USENET, "webdl": SourceKind.WEB}
_QUEUED: Final = "queued-"
_SECTIONS: Final = (*TWINS, *(_QUEUED + name for name in TWINS))
"""The lists that make up a listing, in order; each is also the first half of a transfer id."""

_PLANS: Final = {0: ("Free", 1), 1: ("Essential", 3), 2: ("Pro", 10), 3: ("Standard", 5)}
"""Plan number: name and slots. The numbers are not in order of value."""

_FREE_SECTIONS: Final = (_TORRENT.type, _WEB.type)
"""Lists that every plan has; one without Usenet or a queue has nothing in the others."""

_PAGES_MAX: Final = 50
_ID_DIGITS_MAX: Final = 18
_SUFFIX: Final = re.compile(r"\([^)]*\)")

_FAILED: Final = frozenset({"error", "missing", "missingfiles", "expired"})
_STATES: Final = {
    "queued": TransferState.QUEUED,
    "queueddl": TransferState.QUEUED,
    "checkingresumedata": TransferState.QUEUED,
    "allocating": TransferState.QUEUED,
    "waiting": TransferState.QUEUED,
    "metadl": TransferState.RESOLVING,
    "downloading": TransferState.DOWNLOADING,
    "forceddl": TransferState.DOWNLOADING,
    "checkingdl": TransferState.DOWNLOADING,
    "incomplete": TransferState.DOWNLOADING,
    "stalled": TransferState.STALLED,
    "stalleddl": TransferState.STALLED,
    "paused": TransferState.STALLED,
    "pauseddl": TransferState.STALLED,
    "processing": TransferState.PROCESSING,
    "verifying": TransferState.PROCESSING,
    "decrypting": TransferState.PROCESSING,
    "moving": TransferState.PROCESSING,
    "completed": TransferState.PROCESSING,
    "cached": TransferState.PROCESSING,
    "uploading": TransferState.PROCESSING,
    "queuedup": TransferState.PROCESSING,
    "checkingup": TransferState.PROCESSING,
    "forcedup": TransferState.PROCESSING,
    "stalledup": TransferState.PROCESSING,
    "pausedup": TransferState.PROCESSING,
}
"""``download_state`` of what is not finished, in lower case and without the part in parentheses."""

_BEGINNINGS: Final = {
    "downloading": TransferState.DOWNLOADING,
    "repair": TransferState.PROCESSING,
    "direct unpack": TransferState.PROCESSING,
}
"""Words of Usenet's post-processing that go on with figures."""


class TorBox(Provider):
    """One account at TorBox.

    Args:
        http: the shared client; it stays open.
        credential: the account's key.
        base_url: overrides the credential's and the published address.
    """

    name: ClassVar[str] = "torbox"
    hashes_per_check: ClassVar[int] = 500
    addressed_links: ClassVar[bool] = True

    page_size: ClassVar[int] = 1000
    """Items asked for at once; the most that the service gives."""

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        self._api = TorBoxApi(http, credential, base_url or credential.base_url or _BASE_URL)

    async def account(self) -> AccountFacts:
        """The plan, and the slots that come with it."""
        me = await self._api.me()
        plan, slots = _PLANS.get(me.plan, (f"plan {me.plan}", 0))
        limits = (
            ("active_transfers", float(slots + (told_whole(me.additional_concurrent_slots) or 0))),
            ("downloads_so_far", float(told_whole(me.total_downloaded) or 0)),
        )
        return AccountFacts(str(me.id), me.plan > 0, plan, told_time(me.premium_expires_at), limits)

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet; see ``_found`` for what happens when the account has it already."""
        clean = parse_magnet(render_magnet(magnet))
        created = await self._api.create_torrent(render_magnet(clean))
        return await self._submission(_TORRENT, created, clean.info_hash)

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``."""
        created = await self._api.create_torrent(torrent.raw)
        return await self._submission(_TORRENT, created, torrent.info_hash)

    async def submit_nzb(self, nzb: Nzb) -> Submission:
        """Hands in an NZB; TorBox knows it by the MD5 of its link or content."""
        source = nzb.raw or parse_link(nzb.url or "").url
        created = await self._api.create_usenet(nzb.name.removesuffix(".nzb"), source, nzb.password)
        return await self._submission(_USENET, created, _md5(source))

    async def submit_web(self, link: WebLink) -> Submission:
        """Hands in a link, which TorBox knows by its MD5. There is no unlocking at once."""
        url = parse_link(link.url).url
        return await self._submission(_WEB, await self._api.create_web(url, link.name, link.password), _md5(url))

    async def list_page(self, cursor: str | None = None) -> Page:
        """A page of one of six lists: torrents, Usenet, web downloads, then what is queued of each.

        A whole listing takes at least six requests; every page is one request, and a page may be empty.
        """
        section, offset = _place(cursor)
        rows: Sequence[Item | Queued] = ()
        try:
            rows = await self._rows(section, offset)
        except UpstreamPlanRequired:
            if section in _FREE_SECTIONS:
                raise
        twin = TWINS[section.removeprefix(_QUEUED)]
        transfers = tuple(_transfer(twin, row) for row in rows)
        if len(rows) >= self.page_size:
            return Page(transfers, f"{section}:{offset + self.page_size}")
        later = _SECTIONS[_SECTIONS.index(section) + 1 :]
        return Page(transfers, f"{later[0]}:0" if later else None)

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer, with its files once they are known."""
        section, twin, number = _read_id(transfer_id)
        if section.startswith(_QUEUED):
            return _transfer(twin, await self._api.queued_one(twin, number))
        return _transfer(twin, await self._api.item(twin, number))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files of a transfer.

        Raises:
            UnsafeSource: a file's name tries to leave its folder.
        """
        section, twin, number = _read_id(transfer_id)
        if section.startswith(_QUEUED):
            await self._api.queued_one(twin, number)
            raise TransferNotReady("TorBox has not started this transfer.", provider=self.name)
        item = await self._api.item(twin, number)
        if not item.files:
            raise TransferNotReady("TorBox does not know the files yet.", provider=self.name)
        return _files(item.files, transfer_id if _state(item) is TransferState.READY else None)

    async def remove(self, transfer_id: str) -> None:
        """Removes a transfer, or its place in the queue."""
        try:
            section, twin, number = _read_id(transfer_id)
            if section.startswith(_QUEUED):
                await self._api.control_queued(number, "delete")
            else:
                await self._api.control(twin, number, "delete")
        except TransferMissing:
            return

    async def control(self, transfer_id: str, operation: Control) -> None:
        """Passes the word on; what waits in the queue can only be started, which is what going on means there."""
        section, twin, number = _read_id(transfer_id)
        if section.startswith(_QUEUED):
            await self._api.control_queued(number, "start" if operation is Control.RESUME else operation)
        else:
            await self._api.control(twin, number, operation)

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A link to start within three hours; ``viewer_address`` picks the nearest server."""
        transfer_id, file_id = Locator.parse(locator, self.name, 2).parts
        kind, _, number = transfer_id.partition(":")
        if kind not in TWINS or not _is_number(number) or not _is_number(file_id):
            raise InvalidInput("This is not a file handle of torbox.", field="locator")
        return Link(await self._api.request_link(TWINS[kind], int(number), int(file_id), viewer_address))

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The hosters that ``submit_web`` understands."""
        return tuple(
            HosterSupport(
                display_text(row.name),
                tuple(domain.lower().removeprefix("www.") for domain in row.domains or row.domais or row.domaisn or ()),
                row.status,
            )
            for row in await self._api.hosters()
        )

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        """Hits with their files; whatever TorBox does not list is not cached."""
        wanted = [parse_info_hash(text).info_hash for text in hashes]
        hits: dict[str, CachedItem] = {}
        for start in range(0, len(wanted), self.hashes_per_check):
            rows = await self._api.check_cached(wanted[start : start + self.hashes_per_check])
            hits |= {row.hash.lower(): row for row in rows}
        return tuple(_available(info_hash, hits.get(info_hash)) for info_hash in wanted)

    async def aclose(self) -> None:
        """Nothing to free: the client is shared."""

    async def _submission(self, twin: Twin, created: Created | None, key: str) -> Submission:
        if created is not None:
            section = _QUEUED + twin.type if created.queued else twin.type
            return Submission(f"{section}:{created.id}")
        found = await self._found(twin, key)
        if found is None:
            raise SlotsFull("TorBox takes no more of this kind now.", provider=self.name, upstream_code="DIFF_ISSUE")
        return Submission(found.id, existing=True, transfer=found)

    async def _found(self, twin: Twin, key: str) -> Transfer | None:
        """The account's transfer with this hash, looked for in its list and its queue: one request per page."""
        for section in (twin.type, _QUEUED + twin.type):
            for page in range(_PAGES_MAX):
                rows = await self._rows(section, page * self.page_size)
                found = next((row for row in rows if (row.hash or "").lower() == key), None)
                if found is not None:
                    return _transfer(twin, found)
                if len(rows) < self.page_size:
                    break
        return None

    async def _rows(self, section: str, offset: int) -> Sequence[Item | Queued]:
        twin = TWINS[section.removeprefix(_QUEUED)]
        if section.startswith(_QUEUED):
            return await self._api.queued(twin, offset=offset, limit=self.page_size)
        return await self._api.items(twin, offset=offset, limit=self.page_size)


def _transfer(twin: Twin, row: Item | Queued) -> Transfer:
    """A row of a list as a transfer; without files when their names are not safe, so that the others still show."""
    base = Transfer(
        id=f"{twin.type}:{row.id}",
        state=TransferState.QUEUED,
        name=display_text(row.name or ""),
        kind=_KINDS[twin.type],
        info_hash=told_hash(row.hash) if twin is _TORRENT else None,
        added_at=told_time(row.created_at),
    )
    if isinstance(row, Queued):
        return replace(base, id=_QUEUED + base.id, detail="queued")
    state = _state(row)
    ready = state is TransferState.READY
    return replace(
        base,
        state=state,
        size=told_whole(row.size) or None,
        progress=1.0 if ready else min(1.0, max(0.0, float(row.progress or 0))),
        speed=told_whole(row.download_speed),
        seeders=told_whole(row.seeds),
        detail=display_text(row.download_state, 200),
        files=_known_files(row.files, base.id) if ready else None,
    )


def _state(item: Item) -> TransferState:
    """Finished means that both booleans say so; the word in ``download_state`` never does (``completed`` is not)."""
    if item.download_finished and item.download_present:
        return TransferState.READY
    word = _SUFFIX.sub("", item.download_state).strip().lower()
    if word in _FAILED or word.startswith("failed") or "invalid" in word:
        return TransferState.FAILED
    if item.download_finished:
        gone = told_time(item.expires_at)
        return TransferState.FAILED if gone and gone < datetime.now(UTC) else TransferState.PROCESSING
    if word in _STATES:
        return _STATES[word]
    return next((state for start, state in _BEGINNINGS.items() if word.startswith(start)), TransferState.UNKNOWN)


def _known_files(rows: Sequence[File] | None, transfer_id: str) -> tuple[RemoteFile, ...] | None:
    try:
        return _files(rows, transfer_id) if rows else None
    except UnsafeSource:
        return None


def _files(rows: Sequence[File], transfer_id: str | None) -> tuple[RemoteFile, ...]:
    """The files without their common root folder; with locators when ``transfer_id`` is given.

    The root is the first segment of the paths, not the item's name, which people can change.
    """
    segments = [row.name.split("/") for row in rows]
    rooted = all(len(parts) > 1 and parts[0] == segments[0][0] for parts in segments)
    paths = disambiguate(safe_relative_path(parts[1:] if rooted else parts) for parts in segments)
    return tuple(
        RemoteFile(
            index=row.id,
            path=path,
            size=told_size(row.size),
            locator=str(Locator.of(TorBox.name, transfer_id, row.id)) if transfer_id else None,
            mime_type=row.mimetype or mime_type_of(path),
        )
        for row, path in zip(rows, paths, strict=True)
    )


def _available(info_hash: str, hit: CachedItem | None) -> Availability:
    if hit is None:
        return Availability(info_hash, cached=False)
    try:
        files = _files(hit.files or (), None)
    except UnsafeSource:
        files = ()
    name = display_text(hit.name or "")
    return Availability(info_hash, cached=True, name=name, size=told_whole(hit.size), files=files)


def _place(cursor: str | None) -> tuple[str, int]:
    section, _, offset = (cursor or f"{_SECTIONS[0]}:0").rpartition(":")
    if section not in _SECTIONS or not _is_number(offset):
        raise InvalidInput("This is not a cursor of torbox.", field="cursor")
    return section, int(offset)


def _read_id(transfer_id: str) -> tuple[str, Twin, int]:
    """The list a transfer is in, its kind and its number there."""
    section, _, number = transfer_id.partition(":")
    if section not in _SECTIONS or not _is_number(number):
        raise TransferMissing("TorBox has no transfer with such an id.", provider=TorBox.name)
    return section, TWINS[section.removeprefix(_QUEUED)], int(number)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS_MAX


def _md5(source: str | bytes) -> str:
    """What TorBox calls the hash of a link or an NZB."""
    content = source.encode() if isinstance(source, str) else source
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
