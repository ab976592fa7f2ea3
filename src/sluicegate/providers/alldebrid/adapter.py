"""The adapter for AllDebrid.

It has no file selection (the whole torrent is fetched), no way of asking what is cached since ``magnet/instant`` was
removed in November 2024, and no downloads of links as transfers: links are unlocked. Live mode is not used, because an
adapter keeps nothing between calls.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Final
from urllib.parse import urlsplit

from sluicegate.core.accounts import AccountFacts, Credential
from sluicegate.core.errors import (
    HosterUnsupported,
    MalformedSource,
    ProtocolError,
    TransferFailed,
    TransferMissing,
    TransferNotReady,
)
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.magnets import parse_info_hash, render_magnet
from sluicegate.core.manifest import read_manifest
from sluicegate.core.names import disambiguate, display_text, safe_relative_path, safe_segment
from sluicegate.core.provider import HosterSupport, Page, Provider
from sluicegate.core.sources import Magnet, TorrentFile, WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.net.http import Http
from sluicegate.providers.alldebrid import api as wire
from sluicegate.providers.alldebrid.errors import PROVIDER

__all__ = ["AllDebrid"]

_MANIFEST: Final = read_manifest("sluicegate.providers.alldebrid")

_STATES: Final[Mapping[int, TransferState]] = {
    0: TransferState.QUEUED,
    1: TransferState.DOWNLOADING,
    2: TransferState.PROCESSING,  # compressing or moving
    3: TransferState.PROCESSING,  # uploading to the storage
    4: TransferState.READY,
    **dict.fromkeys(range(5, 16), TransferState.FAILED),
}

_NO_NAME: Final = "noname"
_DELAYED_READY: Final = 2
_DELAYED_FAILED: Final = 3
_DELAYED_POLL: Final = 5.0
"""Seconds: delayed links may be asked about at this pace or slower (documentation, 'Delayed links')."""


class AllDebrid(Provider):
    """One AllDebrid account. Identity of a file is its ``https://alldebrid.com/f/…`` link, which must be unlocked."""

    name: ClassVar[str] = PROVIDER

    def __init__(self, http: Http, credential: Credential, *, base_url: str | None = None) -> None:
        self._api = wire.AllDebridApi(http, credential, base_url or credential.base_url or _MANIFEST.base_url)

    async def account(self) -> AccountFacts:
        """The user name stands for the id: there is no other."""
        user = await self._api.user()
        seconds = int(user.premium_until)
        return AccountFacts(
            id=display_text(user.username) or PROVIDER,
            premium=user.is_premium,
            plan="trial" if user.is_trial else "premium" if user.is_premium else "free",
            expires_at=_time(seconds) if seconds else None,
            limits=tuple(_limits(user)),
        )

    async def submit_magnet(self, magnet: Magnet) -> Submission:
        """Hands in a magnet; AllDebrid answers a hash that it has with the same id, without saying so."""
        checked = replace(magnet, info_hash=parse_info_hash(magnet.info_hash).info_hash)
        return _submission(await self._api.upload_magnet(render_magnet(checked)))

    async def submit_torrent_file(self, torrent: TorrentFile) -> Submission:
        """Hands in a ``.torrent``, as idempotent as a magnet."""
        return _submission(await self._api.upload_torrent(f"{torrent.info_hash}.torrent", torrent.raw))

    async def list_page(self, cursor: str | None = None) -> Page:
        """All magnets at once; AllDebrid has no pages."""
        del cursor
        return Page(tuple(_transfer(row) for row in await self._api.magnets()))

    async def get(self, transfer_id: str) -> Transfer:
        """One magnet."""
        for row in await self._api.magnet(transfer_id):
            if str(row.id) == transfer_id:
                return _transfer(row)
        raise TransferMissing("AllDebrid answered without this magnet.", provider=self.name)

    async def files(self, transfer_id: str) -> tuple[RemoteFile, ...]:
        """The files, ordered by path: AllDebrid's own order changes from call to call, and files have no ids."""
        found = sorted(_leaves(await self._api.files(transfer_id)), key=_place)
        if not found:
            raise TransferNotReady("AllDebrid tells the files of a magnet once it is ready.", provider=self.name)
        paths = disambiguate([safe_relative_path(path) for path, _ in found])
        return tuple(
            RemoteFile(index, path, -1 if node.size is None else node.size, _locator(node))
            for index, (path, (_, node)) in enumerate(zip(paths, found, strict=True))
        )

    async def remove(self, transfer_id: str) -> None:
        """Deletes a magnet with its files."""
        with suppress(TransferMissing):  # removing twice is fine
            await self._api.delete(transfer_id)

    async def link(self, locator: str, *, viewer_address: str | None = None) -> Link:
        """Unlocks a file of a magnet; a second request when AllDebrid delays it, as in ``unlock``."""
        del viewer_address
        (place,) = Locator.parse(locator, self.name, 1).parts
        return await self._unlocked(parse_link(place).url)

    async def unlock(self, link: WebLink) -> Link:
        """Unlocks a hoster link.

        A slow site makes a delayed link: one further request asks whether it is there, and if not
        ``TransferNotReady`` tells when to come again.
        """
        return await self._unlocked(parse_link(link.url).url, link.password)

    async def hosters(self) -> tuple[HosterSupport, ...]:
        """The hosts that this account may use."""
        return tuple(_hoster(host) for host in await self._api.hosts())

    async def aclose(self) -> None:
        """Nothing to free: the HTTP client is its owner's."""

    async def _unlocked(self, url: str, password: str = "") -> Link:
        unlocked = await self._api.unlock(url, password)
        direct = unlocked.link
        if not direct and unlocked.delayed is not None:
            direct = await self._delayed(str(unlocked.delayed))
        if not direct and unlocked.streams:
            raise HosterUnsupported(
                "This page offers several streams to choose from.",
                provider=self.name,
                upstream_code="streams",
                action="Hand it in as a media page, or use a link to a file.",
            )
        if not _is_url(direct):
            raise ProtocolError("AllDebrid unlocked a link without telling where it leads.", provider=self.name)
        return Link(direct, name=safe_segment(unlocked.filename, ""), size=unlocked.filesize or None)

    async def _delayed(self, delayed_id: str) -> str:
        """The direct link of a delayed one, asked about once."""
        delayed = await self._api.delayed(delayed_id)
        if delayed.status == _DELAYED_READY:
            return delayed.link
        if delayed.status == _DELAYED_FAILED:
            raise TransferFailed("AllDebrid could not fetch this link.", provider=self.name, upstream_code="delayed 3")
        raise TransferNotReady(
            "AllDebrid is still fetching what is behind this link.",
            provider=self.name,
            upstream_code=f"delayed {delayed.status}",
            retry_after=max(float(delayed.time_left), _DELAYED_POLL),
        )


def _submission(uploaded: wire.Uploaded) -> Submission:
    return Submission(str(uploaded.id), cached=uploaded.ready)


def _transfer(row: wire.Magnet) -> Transfer:
    state = _STATES.get(row.status_code, TransferState.UNKNOWN)
    return Transfer(
        id=str(row.id),
        state=state,
        name="" if row.filename == _NO_NAME else display_text(row.filename),
        info_hash=_hash(row.hash),
        size=row.size or None,
        progress=_progress(row, state),
        speed=row.download_speed,
        seeders=row.seeders,
        added_at=_time(row.upload_date) if row.upload_date else None,
        detail=display_text(row.status),
    )


def _progress(row: wire.Magnet, state: TransferState) -> float:
    """The downloaded share: later steps have figures of their own, which begin at zero again."""
    if state in {TransferState.PROCESSING, TransferState.READY}:
        return 1.0
    return min(row.downloaded / row.size, 1.0) if row.size else 0.0


def _hash(text: str) -> str | None:
    """The info hash where it is one: the field is not documented."""
    with suppress(MalformedSource):  # some other word
        return parse_info_hash(text).info_hash
    return None


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _leaves(roots: Sequence[wire.Node]) -> Iterator[tuple[tuple[str, ...], wire.Node]]:
    """The files of a tree with their path segments; a torrent's root folder is not part of them."""
    rooted = len(roots) == 1 and roots[0].children is not None
    waiting: list[tuple[tuple[str, ...], wire.Node]] = [((node.name,), node) for node in roots]
    while waiting:
        path, node = waiting.pop()
        if node.children is None:
            yield path[1:] if rooted else path, node
        else:
            waiting += [((*path, child.name), child) for child in node.children]


def _place(leaf: tuple[tuple[str, ...], wire.Node]) -> tuple[tuple[str, ...], int, str]:
    """What orders files the same way at every look."""
    path, node = leaf
    return path, node.size or 0, node.link or ""


def _locator(node: wire.Node) -> str | None:
    return str(Locator.of(PROVIDER, node.link)) if node.link else None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _limits(user: wire.User) -> Iterator[tuple[str, float]]:
    if user.remaining_trial_quota is not None:
        yield "trial_mb_left", user.remaining_trial_quota
    if isinstance(user.limited_hosters_quotas, dict):
        for host, left in user.limited_hosters_quotas.items():
            yield f"{display_text(host, 60)}_mb_left", left


def _hoster(host: wire.Host) -> HosterSupport:
    domains = tuple(domain.lower().removeprefix("www.") for domain in host.domains)
    return HosterSupport(display_text(host.name, 100), domains, host.status)
