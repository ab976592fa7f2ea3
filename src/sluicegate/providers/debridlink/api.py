"""Debrid-Link's HTTP API, ``/api/v2`` (https://debrid-link.com/api_doc/v2): one method per endpoint, one request each.

Bodies are sent as forms, which every client has seen accepted; some report that JSON is refused.
"""

# ruff: noqa: N815  (members are named as on the wire)

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, TypeVar

import msgspec

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import ProtocolError
from sluicegate.net.answers import Answer
from sluicegate.net.http import Http, Part
from sluicegate.providers.debridlink.errors import PROVIDER, failure

__all__ = ["DebridLinkApi", "Download", "File", "Host", "Infos", "Torrent", "TorrentPage"]

T = TypeVar("T")

Number = int | float | None
"""Figures turn up as int or float."""

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{1,40}\Z")]
_NO_PAGE: Final = -1


class Infos(msgspec.Struct):
    """``account/infos``. There is no user id; it stands in the address ``…/user/<id>/sessions``."""

    username: str
    accountType: int
    premiumLeft: Number = None
    pts: Number = None
    trafficshare: Number = None
    viewSessidUrl: str | None = None
    serverDetected: bool | None = None


class File(msgspec.Struct):
    """A file of a torrent. ``id`` is ``<torrent>-<n>``; ``name`` is the bare name and may come more than once.

    ``downloaded`` (the user has fetched it) is not read: only ``downloadPercent`` says that the file is there.
    """

    id: str
    name: str
    size: Number = None
    downloadUrl: str | None = None
    downloadPercent: Number = None


class Torrent(msgspec.Struct):
    """A torrent; ``status`` is a number with two readings, see the adapter."""

    id: Id
    status: int | str
    name: str | None = None
    created: Number = None
    hashString: str | None = None
    wait: bool | None = None
    peersConnected: Number = None
    totalSize: Number = None
    downloadPercent: Number = None
    downloadSpeed: Number = None
    srvMaint: bool | None = None
    error: int | None = None
    errorString: str | None = None
    files: list[File] | None = None


@dataclass(frozen=True, slots=True)
class TorrentPage:
    """A page of torrents; pages are counted from 0, ``next`` is None on the last one."""

    torrents: list[Torrent]
    next: int | None


class Download(msgspec.Struct):
    """A hoster link that was unlocked, or is being unlocked (``isProcessing``)."""

    name: str
    downloadUrl: str | None = None
    size: Number = None
    expired: bool | None = None
    isProcessing: bool | None = None


class Host(msgspec.Struct):
    """A hoster; ``status`` 1 and more is up, 0 and -1 are down."""

    name: str
    domains: list[str]
    status: int | None = None


class _Pagination(msgspec.Struct):
    page: int
    next: int


class _Envelope(msgspec.Struct):
    """Around every answer; ``value`` may be missing from errors."""

    success: bool
    value: msgspec.Raw = msgspec.Raw(b"null")
    pagination: _Pagination | None = None


class DebridLinkApi:
    """Calls for one token.

    Args:
        http: the shared client.
        credential: API key or OAuth access token, and the egress proxy of the account.
        base_url: up to and including ``/api/v2``; without the version an older API would answer, without an error.
    """

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/")

    async def infos(self) -> Infos:
        """GET ``account/infos``."""
        return _read(await self._send("GET", "account/infos"), Infos)

    async def add_magnet(self, magnet: str) -> Torrent:
        """POST ``seedbox/add`` with a magnet link; ``wait`` holds the torrent until files are chosen."""
        return _read(await self._send("POST", "seedbox/add", form={"url": magnet, "wait": "true"}), Torrent)

    async def add_torrent(self, torrent: bytes) -> Torrent:
        """POST ``seedbox/add`` with a ``.torrent``; as ``add_magnet``."""
        parts = [Part("file", torrent, "upload.torrent", "application/x-bittorrent"), Part("wait", "true")]
        return _read(await self._send("POST", "seedbox/add", multipart=parts), Torrent)

    async def torrents(self, page: int, per_page: int) -> TorrentPage:
        """GET ``seedbox/list``: a page of all torrents, newest first; ``per_page`` is pressed into 20 to 100.

        Raises:
            ProtocolError: another page came than was asked for; paging has been seen ignored.
        """
        answer = await self._send("GET", "seedbox/list", params={"page": page, "perPage": per_page})
        rows, told = _read(answer, list[Torrent]), _envelope(answer).pagination
        if told is None or told.page != page or not (told.next == _NO_PAGE or told.next == page + 1):
            raise ProtocolError("Debrid-Link answers with another page than asked for.", provider=PROVIDER)
        return TorrentPage(rows, None if told.next == _NO_PAGE else told.next)

    async def torrent(self, torrent_id: str) -> Torrent | None:
        """GET ``seedbox/list?ids=``: one torrent with all its files, None if the account has none of this id.

        For an id that it does not like the provider drops the filter and answers with the whole account, so what comes
        back is looked through for the id.
        """
        rows = _read(await self._send("GET", "seedbox/list", params={"ids": torrent_id}), list[Torrent])
        return next((row for row in rows if row.id == torrent_id), None)

    async def choose(self, torrent_id: str, unwanted: Sequence[str]) -> None:
        """POST ``seedbox/{id}/config``: starts a waiting torrent without these files."""
        form = {"files-unwanted": msgspec.json.encode(list(unwanted)).decode()}
        _read(await self._send("POST", f"seedbox/{torrent_id}/config", form=form), list[Any])

    async def remove(self, torrent_id: str) -> None:
        """DELETE ``seedbox/{ids}/remove``: echoes the id, held or not."""
        echoed = _read(await self._send("DELETE", f"seedbox/{torrent_id}/remove"), list[str])
        if torrent_id not in echoed:
            raise ProtocolError("Debrid-Link does not confirm the removal.", provider=PROVIDER)

    async def unlock(self, link: str, password: str = "") -> list[Download]:
        """POST ``downloader/add``: one object, or several for a folder."""
        one_or_many: Any = Download | list[Download]
        form = {"url": link, "password": password} if password else {"url": link}
        found = _read(await self._send("POST", "downloader/add", form=form), one_or_many)
        return found if isinstance(found, list) else [found]

    async def hosts(self) -> list[Host]:
        """GET ``downloader/hosts``."""
        params = {"types": "host", "keys": "name,domains,status"}
        return _read(await self._send("GET", "downloader/hosts", params=params), list[Host])

    async def _send(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - as ``Http.request``
        return await self._http.request(
            method,
            f"{self._base_url}/{path}",
            headers={"Authorization": f"Bearer {self._credential.token.reveal()}"},
            proxy=self._credential.proxy,
            provider=PROVIDER,
            **options,
        )


def _envelope(answer: Answer) -> _Envelope:
    return answer.json(_Envelope, provider=PROVIDER)


def _read(answer: Answer, model: type[T]) -> T:
    """The ``value`` of a success; ``success`` decides, whatever the status says."""
    if not answer.ok:
        raise failure(answer)
    envelope = _envelope(answer)
    if not envelope.success:
        raise failure(answer)
    return replace(answer, body=bytes(envelope.value)).json(model, provider=PROVIDER)
