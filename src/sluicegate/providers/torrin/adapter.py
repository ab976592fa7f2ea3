"""Torrin as a ``Provider``, over its native API.

The StremThru store surface, which Torrin has as well, is the house name ``stremthru``.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final
from urllib.parse import parse_qs, urlsplit

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import (
    FileGone,
    InvalidInput,
    MalformedSource,
    TransferMissing,
    TransferNotReady,
    UnsafeSource,
)
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_info_hash, parse_magnet, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, mime_type_of, safe_relative_path
from sluicegate.core.provider import HosterSupport, Page, Provider
from sluicegate.core.sources import Magnet, Nzb, SourceKind, TorrentFile, WebLink
from sluicegate.core.told_values import told_amount, told_hash, told_size, told_time, told_whole
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.net.http import Http
from sluicegate.providers.torrin.api import Available, File, Job, TorrinApi

__all__ = ["Torrin"]

_STATES: Final = {
    "pending": TransferState.QUEUED,
    "queued": TransferState.QUEUED,
    "downloading": TransferState.DOWNLOADING,
    "processing": TransferState.PROCESSING,
    "publishing": TransferState.PROCESSING,
    "seeding": TransferState.READY,
    "complete": TransferState.READY,
    "failed": TransferState.FAILED,
    "evicted": TransferState.FAILED,
    "metadata": TransferState.RESOLVING,
    "cached": TransferState.READY,
}
"""``metadata`` and ``cached`` are words of older servers. An evicted job was complete; its files have been dropped."""

_KINDS: Final = {
    "torrent": SourceKind.TORRENT,
    "crossseed": SourceKind.TORRENT,
    "usenet": SourceKind.USENET,
    "hoster": SourceKind.WEB,
    "hdencode": SourceKind.WEB,
    "scenerls": SourceKind.WEB,
    "telegram": SourceKind.WEB,
    "ytdlp": SourceKind.WEB,
}
_FREE: Final = "free"
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_TIME_MAX: Final = 2**33


class Torrin(Provider):
    """One account at Torrin, hosted or one's own.

    Args:
        http: the shared client; it stays open.
        credential: the account's API key.
        base_url: overrides the credential's and the published address.
    """

    name: ClassVar[str] = "torrin"
    hashes_per_check: ClassVar[int] = 100

    page_size: ClassVar[int] = 200
    """Jobs asked for at once; the most that the server gives."""

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        published = read_manifest("sluicegate.providers.torrin").base_url
        self._api = TorrinApi(http, credential, base_url or credential.base_url or published)

    async def account(self) -> AccountFacts:
        """The plan and its slots. A paused subscription takes no new jobs, so it counts as none."""
        me = await self._api.me()
        figures = {
            "active_transfers": me.active_slots,
            "slots": me.plan.max_concurrent_jobs,
            "largest_torrent_bytes": me.plan.max_torrent_bytes,
        }
        limits = tuple(
            (name, float(whole)) for name, value in figures.items() if (whole := told_whole(value)) is not None
        )
        plan = display_text(me.plan.id, 80)
        return AccountFacts(
            id=me.user_id,
            premium=plan != _FREE and not me.paused,
            plan=f"{plan} (paused)" if me.paused else plan,
            expires_at=told_time(me.expires_at),
            limits=limits,
        )

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet; a hash that the account has already is answered with its job."""
        clean = parse_magnet(render_magnet(magnet))
        return _submission(*await self._api.create(render_magnet(clean)))

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``."""
        return _submission(*await self._api.create_from_file(torrent.raw))

    async def submit_nzb(self, nzb: Nzb) -> Submission:
        """Hands in an NZB by content, or by a link that Torrin can reach; needs a plan with Usenet."""
        if nzb.raw:
            return _submission(*await self._api.create_nzb(nzb.name.removesuffix(".nzb"), nzb.raw))
        if nzb.url is None:
            raise MalformedSource("This NZB has neither content nor link.")
        return Submission(await self._api.create_nzb_link(parse_link(nzb.url).url))

    async def submit_web(self, link: WebLink) -> Submission:
        """Hands in a hoster link. Every link is taken; one that does not work fails as a transfer.

        Torrin has no unlocking at once. Pages with media (``POST /api/jobs`` with an address) are not handed in here:
        the gateway's media jobs read those.
        """
        return _submission(*await self._api.create_from_hoster(parse_link(link.url).url))

    async def list_page(self, cursor: str | None = None) -> Page:
        """``page_size`` transfers, newest first; the cursor is time and id of the last one."""
        before = None
        if cursor is not None:
            created_at, _, job_id = cursor.partition(" ")
            if told_time(created_at) is None or not _ID.fullmatch(job_id):
                raise InvalidInput("This is not a cursor of torrin.", field="cursor")
            before = (created_at, job_id)
        jobs = await self._api.jobs(self.page_size, before)
        full = len(jobs) >= self.page_size
        return Page(tuple(map(_transfer, jobs)), f"{jobs[-1].created_at} {jobs[-1].id}" if full else None)

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return _transfer(await self._api.job(_checked(transfer_id)))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files, which Torrin tells when they are there (also while it still seeds them)."""
        job = await self._api.job(_checked(transfer_id))
        if _STATES.get(job.status) is not TransferState.READY or not job.files:
            raise TransferNotReady("Torrin does not tell the files yet.", provider=self.name)
        return _files(job.id, job.files)

    async def remove(self, transfer_id: str) -> None:
        """Removes a transfer.

        Raises:
            TransferNotReady: Torrin has to seed it for a while yet; remove it later.
        """
        try:
            await self._api.delete(_checked(transfer_id))
        except TransferMissing:
            return

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A fresh link, signed for a day; its host depends on where the caller is."""
        del viewer_address
        job_id, number = Locator.parse(locator, self.name, 2).parts
        if not _ID.fullmatch(job_id) or not _NUMBER.fullmatch(number):
            raise InvalidInput("This is not a file handle of torrin.", field="locator")
        streams = await self._api.sign(job_id)
        if int(number) >= len(streams):
            raise FileGone("The transfer has no such file any more.", provider=self.name)
        stream = streams[int(number)]
        name = display_text((stream.file_name or "").rpartition("/")[2])
        return Link(stream.signed_url, _signed_until(stream.signed_url), name=name, size=told_whole(stream.size))

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The hosters that ``submit_web`` understands."""
        return tuple(
            HosterSupport(
                display_text(hoster.name),
                tuple(domain.lower().removeprefix("www.") for domain in hoster.domains),
            )
            for hoster in await self._api.hosters()
        )

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        """What is in Torrin's shared storage, with its files; unknown for a hash that the answer leaves out."""
        wanted = [parse_info_hash(text).info_hash for text in hashes]
        found: dict[str, Available] = {}
        for start in range(0, len(wanted), self.hashes_per_check):
            found |= await self._api.available(wanted[start : start + self.hashes_per_check])
        return tuple(_availability(info_hash, found.get(info_hash)) for info_hash in wanted)

    async def aclose(self) -> None:
        """Nothing to free: the client is shared."""


def _submission(job: Job, begins: bool) -> Submission:  # noqa: FBT001 - the two halves of one answer
    """A job that begins is new and not cached; one that is ready may be either old or cached just now."""
    transfer = _transfer(job)
    if begins:
        return Submission(job.id, existing=False, cached=False, transfer=transfer)
    if transfer.state is TransferState.READY:
        return Submission(job.id, cached=True, transfer=transfer)
    return Submission(job.id, existing=True, transfer=transfer)


def _transfer(job: Job) -> Transfer:
    state = _STATES.get(job.status, TransferState.UNKNOWN)
    kind = _KINDS.get(job.source, SourceKind.TORRENT)
    return Transfer(
        id=job.id,
        state=state,
        name=display_text(job.name or ""),
        kind=kind,
        # What stands there for links and NZBs has the same form, and is the hash of something else.
        info_hash=told_hash(job.info_hash) if kind is SourceKind.TORRENT else None,
        size=told_whole(job.file_size) or None,
        progress=1.0 if state is TransferState.READY else min(told_amount(job.progress), 100.0) / 100,
        speed=told_whole(job.speed),
        added_at=told_time(job.created_at),
        detail=display_text(job.error or job.status, 200),
    )


def _files(job_id: str, files: Sequence[File]) -> tuple[RemoteFile, ...]:
    """Signed links come in the order of the files, so the locator keeps the position, not ``index``."""
    paths = disambiguate(safe_relative_path(file.name) for file in files)
    return tuple(
        RemoteFile(
            index=max(file.index, -1),
            path=path,
            size=told_size(file.size),
            locator=str(Locator.of(Torrin.name, job_id, position)),
            mime_type=mime_type_of(path),
        )
        for position, (file, path) in enumerate(zip(files, paths, strict=True))
    )


def _availability(info_hash: str, found: Available | None) -> Availability:
    if found is None or not found.available:
        return Availability(info_hash, None if found is None else False)
    rows = found.files or ()
    try:
        paths = disambiguate(safe_relative_path(row.file_name) for row in rows)
    except UnsafeSource:
        return Availability(info_hash, cached=True)
    files = tuple(
        RemoteFile(position, path, told_size(row.size), mime_type=mime_type_of(path))
        for position, (row, path) in enumerate(zip(rows, paths, strict=True))
    )
    return Availability(info_hash, cached=True, files=files)


def _checked(transfer_id: str) -> str:
    """An id that can stand in a path."""
    if not _ID.fullmatch(transfer_id):
        raise TransferMissing("Torrin has no transfer with such an id.", provider=Torrin.name)
    return transfer_id


def _signed_until(url: str) -> datetime | None:
    """The end that a signed link names in ``exp``, in Unix seconds."""
    told = parse_qs(urlsplit(url).query).get("exp", [""])[0]
    known = told.isascii() and told.isdecimal() and int(told[:20]) < _TIME_MAX
    return datetime.fromtimestamp(int(told), UTC) if known else None
