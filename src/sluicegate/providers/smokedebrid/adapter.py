"""SmokeDebrid as a ``Provider``: real bytes, no account, every operation but selecting files."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.availability import Availability
from sluicegate.core.errors import InvalidInput, MalformedSource, TransferMissing, TransferNotReady
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_info_hash, parse_magnet, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, mime_type_of, safe_relative_path
from sluicegate.core.provider import HosterSupport, Page, Provider
from sluicegate.core.sources import Magnet, Nzb, SourceKind, TorrentFile, WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.net.http import Http
from sluicegate.providers.smokedebrid.api import File, Job, SmokeDebridApi

__all__ = ["SmokeDebrid"]

_STATES: Final = {
    "queued": TransferState.QUEUED,
    "resolving": TransferState.RESOLVING,
    "selecting": TransferState.SELECTING,
    "downloading": TransferState.DOWNLOADING,
    "processing": TransferState.PROCESSING,
    "ready": TransferState.READY,
    "failed": TransferState.FAILED,
}
_KINDS: Final = {"torrent": SourceKind.TORRENT, "web": SourceKind.WEB, "usenet": SourceKind.USENET}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class SmokeDebrid(Provider):
    """One account at SmokeDebrid.

    Args:
        http: the shared client; it stays open.
        credential: the account's token.
        base_url: overrides the credential's address; one of the two must name the sandbox.

    Raises:
        InvalidInput: no address is known.
    """

    name: ClassVar[str] = "smokedebrid"
    hashes_per_check: ClassVar[int] = 500

    page_size: ClassVar[int] = 500
    """Transfers asked for at once; the most that the service gives."""

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        address = base_url or credential.base_url or read_manifest("sluicegate.providers.smokedebrid").base_url
        if not address:
            raise InvalidInput("A SmokeDebrid account needs the sandbox's address as base URL.", field="base_url")
        self._api = SmokeDebridApi(http, credential, address)

    async def account(self) -> AccountFacts:
        """The plan, and how many transfers are active."""
        me = await self._api.account()
        limits = (("active_transfers", float(me.active_transfers)),)
        return AccountFacts(me.id, me.plan == "premium", display_text(me.plan, 80), _utc(me.premium_until), limits)

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet."""
        clean = parse_magnet(render_magnet(magnet))
        return _submission(*await self._api.submit({"magnet": render_magnet(clean)}))

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``."""
        return _submission(*await self._api.submit_torrent(torrent.raw))

    async def submit_nzb(self, nzb: Nzb) -> Submission:
        """Hands in an NZB by content or link."""
        if nzb.raw:
            return _submission(*await self._api.submit_nzb(nzb.name, nzb.raw))
        if nzb.url is None:
            raise MalformedSource("This NZB has neither content nor link.")
        return _submission(*await self._api.submit({"nzb_url": parse_link(nzb.url).url, "name": nzb.name}))

    async def submit_web(self, link: WebLink) -> Submission:
        """Hands in a link; any link is taken."""
        return _submission(*await self._api.submit({"link": parse_link(link.url).url}))

    async def list_page(self, cursor: str | None = None) -> Page:
        """``page_size`` transfers, youngest first; the cursor is the page's number."""
        if not _NUMBER.fullmatch(cursor or "1"):
            raise InvalidInput("This is not a cursor of smokedebrid.", field="cursor")
        number = int(cursor or 1)
        page = await self._api.jobs(number, self.page_size)
        following = str(number + 1) if number < page.pages else None
        return Page(tuple(_transfer(job) for job in page.transfers), following)

    async def get(self, transfer_id: str) -> Transfer:
        """One transfer."""
        return _transfer(await self._api.job(_checked(transfer_id)))

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files, once they are known; they can be linked when the transfer is ready."""
        job = await self._api.job(_checked(transfer_id))
        if not job.files:
            raise TransferNotReady("SmokeDebrid does not know the files yet.", provider=self.name)
        return _files(job, job.files)

    async def remove(self, transfer_id: str) -> None:
        """Removes a transfer."""
        try:
            await self._api.remove(_checked(transfer_id))
        except TransferMissing:
            return

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """A link that lives six hours."""
        del viewer_address
        job_id, file_id = Locator.parse(locator, self.name, 2).parts
        if not _ID.fullmatch(job_id) or not _NUMBER.fullmatch(file_id):
            raise InvalidInput("This is not a file handle of smokedebrid.", field="locator")
        signed = await self._api.link(job_id, int(file_id))
        return Link(signed.url, _utc(signed.expires_at))

    async def unlock(self, link: WebLink) -> Link:
        """A direct link to what a hoster link leads to."""
        found = await self._api.unlock(parse_link(link.url).url)
        return Link(found.url, _utc(found.expires_at), name=display_text(found.name), size=found.size)

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The hosters that are sure to work; other links are tried as well."""
        return tuple(
            HosterSupport(display_text(host.name), tuple(_domain(domain) for domain in host.domains))
            for host in await self._api.hosts()
        )

    async def availability(self, hashes: Sequence[str]) -> tuple[Availability, ...]:
        """Yes or no for each hash; unknown for one that the answer leaves out."""
        wanted = [parse_info_hash(text).info_hash for text in hashes]
        known: dict[str, bool] = {}
        for start in range(0, len(wanted), self.hashes_per_check):
            known |= await self._api.cached(wanted[start : start + self.hashes_per_check])
        return tuple(Availability(info_hash, known.get(info_hash)) for info_hash in wanted)

    async def aclose(self) -> None:
        """Nothing to free: the client is shared."""


def _submission(job: Job, new: bool) -> Submission:  # noqa: FBT001 - the two halves of one answer
    """What is new and not ready is not cached; of what was there nobody knows."""
    transfer = _transfer(job)
    cached = transfer.state is TransferState.READY or (False if new else None)
    return Submission(job.id, existing=not new, cached=cached, transfer=transfer)


def _transfer(job: Job) -> Transfer:
    return Transfer(
        id=job.id,
        state=_STATES.get(job.state, TransferState.UNKNOWN),
        name=display_text(job.name),
        kind=_KINDS.get(job.kind, SourceKind.TORRENT),
        info_hash=job.info_hash,
        size=job.size or None,
        progress=min(1.0, max(0.0, job.progress)) if math.isfinite(job.progress) else 0.0,
        speed=job.speed,
        added_at=_utc(job.created_at),
        detail=display_text(job.state, 200),
    )


def _files(job: Job, files: Sequence[File]) -> tuple[RemoteFile, ...]:
    ready = _STATES.get(job.state) is TransferState.READY
    paths = disambiguate(safe_relative_path(file.path) for file in files)
    return tuple(
        RemoteFile(
            index=file.id,
            path=path,
            size=file.size,
            locator=str(Locator.of(SmokeDebrid.name, job.id, file.id)) if ready else None,
            mime_type=mime_type_of(path),
        )
        for file, path in zip(files, paths, strict=True)
    )


def _checked(transfer_id: str) -> str:
    """An id that can stand in a path."""
    if not _ID.fullmatch(transfer_id):
        raise TransferMissing("SmokeDebrid has no transfer with such an id.", provider=SmokeDebrid.name)
    return transfer_id


def _domain(text: str) -> str:
    return text.lower().removeprefix("www.")


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
