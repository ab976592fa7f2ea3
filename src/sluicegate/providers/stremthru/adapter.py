"""Any StremThru-compatible store as a ``Provider``: Torrin's ``/v0/store``, or a StremThru in front of other providers.

Which store it is, the account's base URL says (``https://api.torrin.app/v0/store``), and at a StremThru that serves
several stores the first half of the token (``realdebrid:ABC``). The provider's own API can always do more (progress,
why a transfer failed, complete listings): with a key of one the house knows, its own adapter is the better choice.

Was run against StremThru 0.103.2 in front of six providers; what that showed is in docs/providers.md.

Left out on purpose: the store's Usenet calls, whose ids are one with those of torrents at Torrin, and apart elsewhere.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import (
    FileGone,
    InvalidInput,
    ProtocolError,
    TransferMissing,
    TransferNotReady,
    UnsafeSource,
    UpstreamError,
    UpstreamUnavailable,
)
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_info_hash, parse_magnet, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, mime_type_of, safe_relative_path
from sluicegate.core.provider import Page, Provider
from sluicegate.core.sources import Magnet
from sluicegate.core.told_values import told_hash, told_size, told_time, told_whole
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.net.http import Http
from sluicegate.providers.stremthru.api import CheckedMagnet, File, StremThruApi
from sluicegate.providers.stremthru.api import Magnet as Row
from sluicegate.providers.stremthru.errors import PERHAPS_THERE

__all__ = ["StremThru"]

_STATES: Final = {
    "queued": TransferState.QUEUED,
    "downloading": TransferState.DOWNLOADING,
    "processing": TransferState.PROCESSING,
    "uploading": TransferState.PROCESSING,
    "downloaded": TransferState.READY,
    "failed": TransferState.FAILED,
    "invalid": TransferState.RESOLVING,
}
"""``invalid`` ends nothing: it is a StremThru's word for Real-Debrid's ``magnet_conversion``. TorBox, Premiumize and
Debrid-Link never fail there: what is not done stays ``downloading`` or ``unknown``."""

_CACHED: Final = {"cached": True, "downloaded": True, "acceleratable": False}
"""``acceleratable`` (Torrin only): some provider behind the store has it, so it will be quick, but not instant. All
else (``unknown`` above all) is unknown: a StremThru knows what passed through it, not what its store has."""

_PREMIUM: Final = {"premium": True, "trial": True, "expired": False}

_DEDUP: Final = "dedup"
"""Torrin's id for "somebody else began this very hash less than a minute ago": there is no such transfer."""

_FIRST_YEAR: Final = 2000
"""Stores without a date tell the year 1 or 1970."""

_ROWS: Final = 50
_PAGES_MAX: Final = 20
_ROWS_OF_TORRIN: Final = 100
_ID: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:=-]{0,199}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")

_KEY: Final = re.compile(r"[0-9a-f]{16}|[0-9]{1,9}")
"""The digest of a file's path, or the index that locators held before.

A store's ``index`` is no name for a file: a StremThru in front of AllDebrid counts anew in every folder, and the
folders come in another order each time; what it knows from earlier answers has -1."""

_INDEX_MAX: Final = 10**9
_COUNTED_ANEW: Final = "ad"
"""``source`` of AllDebrid's files."""


class StremThru(Provider):
    """One account at a store.

    Args:
        http: the shared client; it stays open.
        credential: key and base URL of the account.
        base_url: overrides the credential's address; one of the two must name the store.

    Raises:
        InvalidInput: no address is known.
    """

    name: ClassVar[str] = "stremthru"
    hashes_per_check: ClassVar[int] = 100

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        address = base_url or credential.base_url or read_manifest("sluicegate.providers.stremthru").base_url
        if not address:
            raise InvalidInput("A StremThru account needs the store's address as base URL.", field="base_url")
        self._api = StremThruApi(http, credential, address)

    async def account(self) -> AccountFacts:
        """Who the key belongs to, and whether the subscription runs."""
        user = await self._api.user()
        known = user.id.partition("@")[0]
        if not known:
            raise ProtocolError("The store does not tell whose account this is.", provider=self.name)
        status = display_text(user.subscription_status, 80)
        return AccountFacts(known, _PREMIUM.get(status), status)

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet; the same hash again is the same transfer.

        Where the provider behind the store refuses what it has already (TorBox, Premiumize), the transfer is looked
        for in the listing: one more request per page.

        Raises:
            UpstreamUnavailable: somebody else has just begun this hash (``dedup``); hand it in again in a minute.
        """
        clean = parse_magnet(render_magnet(magnet))
        try:
            row = await self._api.add(render_magnet(clean))
        except UpstreamError as refusal:
            if refusal.upstream_code not in PERHAPS_THERE or (twin := await self._twin(clean.info_hash)) is None:
                raise
            return Submission(twin.id, existing=True, transfer=twin)
        if row.id == _DEDUP:
            raise UpstreamUnavailable(
                "Another account has just begun this; the store takes it again in a minute.",
                provider=self.name,
                upstream_code=_DEDUP,
            )
        transfer = _transfer(row)
        return Submission(row.id, cached=True if transfer.state is TransferState.READY else None, transfer=transfer)

    async def list_page(self, cursor: str | None = None) -> Page:
        """Fifty transfers, newest first; the cursor is how many came before.

        Raises:
            ProtocolError: the store ignores paging and has more than it lists (Torrin, from a hundred on).
        """
        if not _NUMBER.fullmatch(cursor or "0"):
            raise InvalidInput("This is not a cursor of stremthru.", field="cursor")
        offset = int(cursor or 0)
        page = await self._api.magnets(_ROWS, offset)
        if len(page.items) >= _ROWS_OF_TORRIN:
            raise ProtocolError(
                "The store lists its newest hundred transfers only.",
                provider=self.name,
                action="Add this account as 'torrin', whose own API lists everything, or remove old transfers there.",
            )
        end = offset + len(page.items)
        more = len(page.items) == _ROWS and end < page.total_items
        return Page(tuple(_transfer(row) for row in page.items), str(end) if more else None)

    async def _twin(self, info_hash: str) -> Transfer | None:
        """The account's transfer of this hash, looked for in the listing."""
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            page = await self.list_page(cursor)
            found = next((one for one in page.transfers if one.info_hash == info_hash), None)
            cursor = page.next_cursor
            if found is not None or cursor is None:
                return found
        return None

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return _transfer(await self._api.magnet(_checked(transfer_id)))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files, which the store tells when they are there."""
        row = await self._api.magnet(_checked(transfer_id))
        if _STATES.get(row.status) is not TransferState.READY or not row.files:
            raise TransferNotReady("The store does not tell the files yet.", provider=self.name)
        return _files(row.files, row.id)

    async def remove(self, transfer_id: str) -> None:
        """Removes a transfer.

        Raises:
            TransferNotReady: the store has to seed it for a while yet; remove it later.
        """
        try:
            await self._api.remove(_checked(transfer_id))
        except TransferMissing:
            return

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A direct link, in two requests: the file as it is now, and the link behind it.

        At Torrin the second one only echoes, which is why a link is never kept in a locator and renewed from there.
        """
        del viewer_address
        transfer_id, key = Locator.parse(locator, self.name, 2).parts
        if not _ID.fullmatch(transfer_id) or not _KEY.fullmatch(key):
            raise InvalidInput("This is not a file handle of stremthru.", field="locator")
        row = await self._api.magnet(transfer_id)
        if _STATES.get(row.status) is not TransferState.READY:
            raise TransferNotReady("The store has not finished this transfer.", provider=self.name)
        file = _find(row.files or (), key)
        if file is None or not file.link:
            raise FileGone("The transfer has no such file any more.", provider=self.name)
        url = await self._api.generate(file.link)
        return Link(url, name=display_text(file.path.rpartition("/")[2] or file.name), size=told_whole(file.size))

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        """What the store has at once. Signed links in the answer are not kept."""
        wanted = [parse_info_hash(text).info_hash for text in hashes]
        found: dict[str, CheckedMagnet] = {}
        for start in range(0, len(wanted), self.hashes_per_check):
            rows = await self._api.check(wanted[start : start + self.hashes_per_check])
            found |= {row.hash.lower(): row for row in rows}
        return tuple(_availability(info_hash, found.get(info_hash)) for info_hash in wanted)

    async def aclose(self) -> None:
        """Nothing to free: the client is shared."""


def _transfer(row: Row) -> Transfer:
    """A row as a transfer. The store tells no progress: it is 0 until it is done."""
    state = _STATES.get(row.status, TransferState.UNKNOWN)
    return Transfer(
        id=row.id,
        state=state,
        name=display_text(row.name or ""),
        info_hash=told_hash(row.hash),
        size=told_whole(row.size) or None,
        progress=1.0 if state is TransferState.READY else 0.0,
        added_at=_added(row.added_at),
        detail=display_text(row.status, 200),
    )


def _added(text: str | None) -> datetime | None:
    found = told_time(text)
    return found if found is not None and found.year >= _FIRST_YEAR else None


def _files(files: Sequence[File], transfer_id: str | None) -> tuple[RemoteFile, ...]:
    """The files; with locators when ``transfer_id`` is given.

    Raises:
        UnsafeSource: a file has a hostile path, or neither path nor name.
    """
    paths = _paths(files)
    return tuple(
        RemoteFile(
            index=index,
            path=path,
            size=told_size(file.size),
            locator=str(Locator.of(StremThru.name, transfer_id, _key(path))) if transfer_id else None,
            mime_type=mime_type_of(path),
        )
        for index, path, file in zip(_indexes(files, paths), paths, files, strict=True)
    )


def _find(files: Sequence[File], key: str) -> File | None:
    """The file with this key, or None; also None when an index of before does not mean exactly one file."""
    if len(key) != 16:
        numbered = [file for file in files if file.index == int(key) and file.source != _COUNTED_ANEW]
        return numbered[0] if len(numbered) == 1 else None
    try:
        paths = _paths(files)
    except UnsafeSource:  # of such a transfer nobody got a locator
        return None
    return next((file for path, file in zip(paths, files, strict=True) if _key(path) == key), None)


def _paths(files: Sequence[File]) -> tuple[str, ...]:
    """Safe and different. A StremThru in front of Debrid-Link tells no path, only the bare name."""
    return disambiguate(safe_relative_path(file.path.removeprefix("/") or file.name) for file in files)


def _key(path: str) -> str:
    return hashlib.blake2b(path.encode(), digest_size=8).hexdigest()


def _indexes(files: Sequence[File], paths: Sequence[str]) -> Sequence[int]:
    """The store's own numbers where they are some, else the places in the order of the paths."""
    told = [file.index for file in files]
    if len(set(told)) == len(told) and all(
        0 <= file.index < _INDEX_MAX and file.source != _COUNTED_ANEW for file in files
    ):
        return told
    places = {path: place for place, path in enumerate(sorted(paths))}
    return [places[path] for path in paths]


def _availability(info_hash: str, row: CheckedMagnet | None) -> Availability:
    cached = None if row is None else _CACHED.get(row.status)
    if row is None or not cached:
        return Availability(info_hash, cached)
    try:
        return Availability(info_hash, cached, files=_files(row.files or (), None))
    except UnsafeSource:
        return Availability(info_hash, cached)


def _checked(transfer_id: str) -> str:
    """An id that can stand in a path."""
    if not _ID.fullmatch(transfer_id):
        raise TransferMissing("The store has no transfer with such an id.", provider=StremThru.name)
    return transfer_id
