"""The adapter for Premiumize.

One queue holds torrents, links and NZBs; finished content lands in a cloud folder. The listing names no info hash, so a
search by hash finds nothing here and needs not: a second create of the same job is refused, and this adapter then finds
out which job it is. A private folder for each job, named after its hash as some clients make one, would help less: the
listing tells no folder before a job is finished. Links to torrents that are merely cached (``directdl``) are not made:
every one costs points.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Final
from urllib.parse import urlsplit

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import (
    FileGone,
    HosterUnsupported,
    InvalidInput,
    ProtocolError,
    TransferFailed,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
)
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_info_hash, parse_magnet, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, safe_relative_path, safe_segment
from sluicegate.core.provider import HosterSupport, Page, Provider
from sluicegate.core.sources import Magnet, Nzb, TorrentFile, WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.net.http import Http, Part
from sluicegate.providers.premiumize import api as wire
from sluicegate.providers.premiumize.errors import PROVIDER

__all__ = ["Premiumize"]

_MANIFEST: Final = read_manifest("sluicegate.providers.premiumize")

_STATES: Final[Mapping[str, TransferState]] = {
    "waiting": TransferState.QUEUED,
    "queued": TransferState.QUEUED,
    "running": TransferState.DOWNLOADING,
    "seeding": TransferState.READY,
    "finished": TransferState.READY,
    "error": TransferState.FAILED,
    "timeout": TransferState.FAILED,
    "banned": TransferState.FAILED,
    "deleted": TransferState.FAILED,
}

_ROOT: Final = "0"
"""Id of the cloud's root, which is no job's own folder."""

_FOLDERS_MAX: Final = 500
"""Requests for the folders of one transfer."""

_TWINS_MAX: Final = 25
"""Jobs whose source is asked for when a duplicate was refused: as many as may be active."""

_NZB: Final = ".nzb"
_Leaf = tuple[tuple[str, ...], wire.Entry]


class Premiumize(Provider):
    """One Premiumize account."""

    name: ClassVar[str] = PROVIDER

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        self._api = wire.PremiumizeApi(http, credential, base_url or credential.base_url or _MANIFEST.base_url)

    async def account(self) -> AccountFacts:
        """``premium_until`` stays in place after the end, so only one in the future means premium."""
        info = await self._api.account()
        # ``True`` has been seen nowhere; it says no more than False does.
        until = None if isinstance(info.premium_until, bool) else info.premium_until
        expires_at = datetime.fromtimestamp(until, UTC) if until else None
        premium = expires_at is not None and expires_at > datetime.now(UTC)
        told = {
            "limit_used": info.limit_used,
            "booster_points": info.booster_points,
            "space_used": info.space_used,
        }
        return AccountFacts(
            id=display_text(str(info.customer_id)) or PROVIDER,
            premium=premium,
            plan="premium" if premium else "free",
            expires_at=expires_at,
            limits=tuple((name, figure) for name, figure in told.items() if figure is not None),
        )

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet; more requests when the account has it already, see ``_twin``."""
        info_hash = parse_info_hash(magnet.info_hash).info_hash
        created = await self._api.create(render_magnet(replace(magnet, info_hash=info_hash)))
        return await self._submission(created, lambda source: _hash(source) == info_hash, magnet.name)

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``; more requests when the account has it already, see ``_twin``."""
        part = Part("src", torrent.raw, f"{torrent.info_hash}.torrent", "application/x-bittorrent")
        created = await self._api.create(part)
        return await self._submission(
            created, lambda source: _hash(source) == torrent.info_hash, torrent.name, from_file=True
        )

    async def submit_nzb(self, nzb: Nzb) -> Submission:
        """Hands in an NZB by content or link; more requests when the account has it already, see ``_twin``."""
        if nzb.url is not None:
            return await self._submit_link(parse_link(nzb.url).url, nzb.password)
        if not nzb.raw:
            raise InvalidInput("This NZB has neither content nor a link.", field="nzb")
        name = safe_segment(nzb.name, "upload").removesuffix(_NZB)
        created = await self._api.create(Part("src", nzb.raw, name + _NZB, "application/x-nzb"))
        return await self._submission(created, lambda _: False, name, from_file=True)

    async def submit_web(self, link: WebLink) -> Submission:
        """Hands in a link; more requests when the account has it already, see ``_twin``."""
        return await self._submit_link(parse_link(link.url).url, link.password)

    async def list_page(self, cursor: str | None = None) -> Page:
        """All jobs at once; Premiumize has no pages. A second request in the case that ``_rows`` describes."""
        del cursor
        return Page(tuple(_transfer(row) for row in await self._rows()))

    async def get(self, transfer_id: str) -> Transfer:
        """One job, looked up in the listing: there is no other way."""
        return _transfer(await self._row(transfer_id))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files, ordered by path: one request for the listing, and one for the file or for each folder."""
        row = await self._row(transfer_id)
        state = _state(row)
        if state is TransferState.FAILED:
            raise TransferFailed(f"Premiumize gave up on it: {_detail(row)}.", provider=self.name)
        if state is not TransferState.READY:
            raise TransferNotReady("Premiumize tells the files once they are in the cloud.", provider=self.name)
        return _files(await self._leaves(row))

    async def remove(self, transfer_id: str) -> None:
        """Removes a job and what it brought into the cloud.

        Up to four requests: the listing, a look at the content's folder, its deletion, the job's deletion. The job goes
        last, so that a removal that broke off can be repeated.
        """
        row = next((row for row in await self._rows() if row.id == transfer_id), None)
        if row is None:
            return
        with suppress(FileGone):  # removed by hand
            await self._remove_content(row)
        with suppress(TransferMissing):  # removing twice is fine
            await self._api.delete_transfer(row.id)

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A direct link to a file of the cloud; Premiumize does not tell how long it lives."""
        del viewer_address
        (item_id,) = Locator.parse(locator, self.name, 1).parts
        item = await self._api.item(item_id)
        if not item.link:
            raise TransferNotReady("Premiumize has no link to this file yet.", provider=self.name)
        return _link(item.link, item.name, item.size)

    async def unlock(self, link: WebLink) -> Link:
        """Unlocks a hoster link. Every success costs points."""
        files = (await self._api.direct(parse_link(link.url).url, link.password)).content
        if len(files) > 1:
            raise HosterUnsupported(
                "Several files are behind this link.",
                provider=self.name,
                upstream_code="content",
                action="Hand it in as a download instead of unlocking it.",
            )
        if not files or not files[0].link:
            raise ProtocolError("Premiumize unlocked a link without telling where it leads.", provider=self.name)
        return _link(files[0].link, files[0].path.rpartition("/")[2], files[0].size)

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The hosters that can be unlocked; whether one is down is not told."""
        services = await self._api.services()
        aliases = services.aliases if isinstance(services.aliases, dict) else {}
        return tuple(_hoster(domain, aliases.get(domain, ())) for domain in services.directdl)

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        """Free of charge. A hash that the answer leaves out is unknown."""
        asked = [parse_info_hash(text).info_hash for text in hashes]
        found: list[Availability] = []
        for start in range(0, len(asked), self.hashes_per_check):
            batch = asked[start : start + self.hashes_per_check]
            checked = await self._api.check(batch)
            if len(checked.response) > len(batch):
                raise ProtocolError("Premiumize answered more than it was asked.", provider=self.name)
            found += [_availability(info_hash, checked, index) for index, info_hash in enumerate(batch)]
        return tuple(found)

    async def aclose(self) -> None:
        """Nothing to free: the HTTP client is its owner's."""

    async def _rows(self) -> list[wire.Row]:
        """The listing; asked twice when a job shows ``error`` without a reason, which may be gone at a second look."""
        rows = await self._api.transfers()
        if any(row.status == "error" and not row.message for row in rows):
            rows = await self._api.transfers()
        return rows

    async def _row(self, transfer_id: str) -> wire.Row:
        for row in await self._rows():
            if row.id == transfer_id:
                return row
        raise TransferMissing("Premiumize's listing is without this job.", provider=self.name)

    async def _submit_link(self, url: str, password: str) -> Submission:
        return await self._submission(await self._api.create(url, password), lambda source: source == url)

    async def _submission(
        self, created: wire.Created | None, made_it: Callable[[str], bool], name: str = "", *, from_file: bool = False
    ) -> Submission:
        if created is not None:
            return Submission(created.id, existing=False)
        return Submission(await self._twin(made_it, name, from_file=from_file), existing=True)

    async def _twin(self, made_it: Callable[[str], bool], name: str, *, from_file: bool) -> str:
        """The id of the job that a refused duplicate means, which Premiumize does not tell.

        One request for the listing, and one for the source of each job until it is found: likely names first, 25 jobs
        at most. A job that was made from a file has no source to tell: for a file, the only such job of its name is it.
        """
        rows = sorted(await self._rows(), key=lambda row: row.name != name)
        nameless: list[str] = []
        for row in rows[:_TWINS_MAX]:
            source = row.src if _is_source(row.src) else await self._api.source(row.id)
            if source and made_it(source):
                return row.id
            if not source and row.name == name:
                nameless.append(row.id)
        if from_file and len(nameless) == 1:
            return nameless[0]
        raise UpstreamError(
            "Premiumize has this already, but does not tell as which job.",
            provider=self.name,
            upstream_code="duplicate",
            action="Remove it at Premiumize, or clear the finished jobs there; then it is tried again by itself.",
        )

    async def _leaves(self, row: wire.Row) -> list[_Leaf]:
        found = [await self._single(row.file_id)] if row.file_id else await self._walk(row.folder_id or "")
        if not any(item.link for _, item in found):
            raise TransferNotReady("Premiumize is still making links to the files.", provider=self.name)
        return found

    async def _single(self, file_id: str) -> _Leaf:
        item = await self._api.item(file_id)
        return (item.name,), item

    async def _walk(self, folder_id: str) -> list[_Leaf]:
        """Every file below a folder with its path segments."""
        found: list[_Leaf] = []
        waiting: list[tuple[tuple[str, ...], str]] = [((), folder_id)]
        for _ in range(_FOLDERS_MAX):
            if not waiting:
                return found
            above, current = waiting.pop()
            folder = await self._api.folder(current)
            if folder.parent_id is None:  # the root, where single files of all jobs land
                raise TransferNotReady("Premiumize does not tell yet which file it is.", provider=self.name)
            for entry in folder.content:
                path = (*above, entry.name)
                if entry.type == "folder":
                    waiting.append((path, entry.id))
                else:
                    found.append((path, entry))
        raise ProtocolError(f"This transfer has more than {_FOLDERS_MAX} folders.", provider=self.name)

    async def _remove_content(self, row: wire.Row) -> None:
        """Deletes the file, or the folder if it is the job's own: a destination folder holds other jobs' files too."""
        if row.file_id:
            await self._api.delete_item(row.file_id)
        elif row.folder_id and row.folder_id != _ROOT:
            folder = await self._api.folder(row.folder_id)
            if folder.parent_id is not None and folder.name == row.name:
                await self._api.delete_folder(row.folder_id)


def _transfer(row: wire.Row) -> Transfer:
    state = _state(row)
    added = int(row.created_at or 0)
    over = state in {TransferState.READY, TransferState.PROCESSING}
    return Transfer(
        id=row.id,
        state=state,
        name=display_text(row.name or ""),
        info_hash=_hash(row.src or ""),
        progress=1.0 if over else min(max(row.progress or 0.0, 0.0), 1.0),
        added_at=datetime.fromtimestamp(added, UTC) if added else None,
        detail=_detail(row),
    )


def _state(row: wire.Row) -> TransferState:
    """Ready means that there is something to link: a finished job's files may show up later, or in another cloud."""
    state = _STATES.get(row.status, TransferState.UNKNOWN)
    if state is not TransferState.READY or row.file_id or row.folder_id not in {None, "", _ROOT}:
        return state
    return TransferState.FAILED if row.other_cloud_id else TransferState.PROCESSING


def _detail(row: wire.Row) -> str:
    if row.status in {"finished", "seeding"} and row.other_cloud_id:
        return "its files go to another cloud, which gives no links"
    return display_text(f"{row.status}: {row.message}" if row.message else row.status)


def _files(leaves: Iterable[_Leaf]) -> tuple[RemoteFile, ...]:
    found = sorted(leaves, key=lambda leaf: (leaf[0], leaf[1].id))
    paths = disambiguate([safe_relative_path(path) for path, _ in found])
    return tuple(
        RemoteFile(index, path, _size(item.size, -1), str(Locator.of(PROVIDER, item.id)), item.mime_type)
        for index, (path, (_, item)) in enumerate(zip(paths, found, strict=True))
    )


def _is_source(text: str | None) -> bool:
    """True for the source itself; a link to ``/job/src`` only leads to it."""
    return bool(text) and not urlsplit(text or "").path.endswith("/job/src")


def _hash(source: str) -> str | None:
    """The info hash of a magnet, None for any other source."""
    with suppress(InvalidInput):  # a link or a name
        return parse_magnet(source).info_hash
    return None


def _size(told: int | str | None, unknown: int) -> int:
    return int(told) if told not in {None, ""} else unknown


def _link(url: str, name: str, size: int | str | None) -> Link:
    if not _is_url(url):
        raise ProtocolError("Premiumize's direct link is none.", provider=PROVIDER)
    return Link(url, name=safe_segment(name, ""), size=_size(size, 0) or None)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _hoster(domain: str, aliases: Iterable[str]) -> HosterSupport:
    domains = dict.fromkeys(name.lower().removeprefix("www.") for name in (domain, *aliases))
    return HosterSupport(display_text(domain, 100), tuple(domains))


def _availability(info_hash: str, checked: wire.Checked, index: int) -> Availability:
    cached = checked.response[index] if index < len(checked.response) else None
    name = checked.filename[index] if index < len(checked.filename) else None
    size = checked.filesize[index] if index < len(checked.filesize) else None
    return Availability(info_hash, cached, name=display_text(name or ""), size=_size(size, 0) or None)
