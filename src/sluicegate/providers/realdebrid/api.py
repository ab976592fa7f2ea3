"""Real-Debrid's REST API, ``/rest/1.0`` (https://api.real-debrid.com): one method per endpoint, one request each."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import ProtocolError
from sluicegate.net.answers import Answer
from sluicegate.net.http import Http
from sluicegate.providers.realdebrid.errors import (
    OWN_LINK,
    PROVIDER,
    SELECTION,
    WITHOUT_ARGUMENTS,
    Meanings,
    failure,
)

__all__ = ["Added", "Host", "Info", "InfoFile", "Listing", "RealDebridApi", "Torrent", "Unrestricted", "User"]

Number = int | float | None
"""Figures that are documented as integers and have been seen as floats."""

Id = Annotated[str, msgspec.Meta(min_length=1)]

_OWN_LINKS: Final = "https://real-debrid.com/d/"


class User(msgspec.Struct):
    """``/user``; ``premium`` counts seconds."""

    id: int
    type: str
    points: Number = None
    expiration: str | None = None


class Added(msgspec.Struct):
    """The answer to an added torrent."""

    id: Id


class Torrent(msgspec.Struct):
    """A row of ``/torrents``; ``bytes`` is the size of the selected files, ``progress`` in percent."""

    id: Id
    status: str
    filename: str | None = None
    hash: str | None = None
    bytes: Number = None
    progress: Number = None
    links: list[str] | None = None
    speed: Number = None
    seeders: Number = None
    added: str | None = None


class InfoFile(msgspec.Struct):
    """A file of a torrent; ids count from 1, ``path`` begins with a slash, ``selected`` is 0 or 1."""

    id: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    path: str
    selected: int | bool
    bytes: Number = None


class Info(Torrent):
    """``/torrents/info``; ``files`` is empty until the magnet is resolved."""

    files: list[InfoFile] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of ``/torrents`` with the total of all pages, where it is told."""

    torrents: list[Torrent]
    total: int | None


class Unrestricted(msgspec.Struct):
    """``/unrestrict/link``; ``filesize`` is 0 when unknown."""

    download: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]")]
    filename: str | None = None
    filesize: Number = None


class Host(msgspec.Struct):
    """A row of ``/hosts/status``."""

    name: str
    supported: int | bool | None = None
    status: str | None = None


class RealDebridApi:
    """Calls for one token.

    Args:
        http: the shared client.
        credential: token and egress proxy of the account.
        base_url: up to and including ``/rest/1.0``.
    """

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/")

    async def user(self) -> User:
        """GET ``/user``."""
        user: User = _read(await self._send("GET", "/user"), User, WITHOUT_ARGUMENTS)
        return user

    async def add_magnet(self, magnet: str) -> Added:
        """POST ``/torrents/addMagnet``; a new id each time, also for a hash that is there already."""
        added: Added = _read(await self._send("POST", "/torrents/addMagnet", form={"magnet": magnet}), Added)
        return added

    async def add_torrent(self, raw: bytes) -> Added:
        """PUT ``/torrents/addTorrent`` with the file as the body."""
        headers = {"Content-Type": "application/x-bittorrent"}
        answer = await self._send("PUT", "/torrents/addTorrent", headers=headers, content=raw)
        added: Added = _read(answer, Added)
        return added

    async def torrents(self, *, page: int, limit: int) -> Listing:
        """GET ``/torrents``: a page, counted from 1; nothing at all is a 204 without a body."""
        answer = await self._send("GET", "/torrents", params={"page": page, "limit": limit})
        total = answer.headers.get("x-total-count", "")
        known = int(total) if total.isascii() and total.isdecimal() and len(total) < 10 else None
        rows = [] if answer.status == 204 else _read(answer, list[Torrent], WITHOUT_ARGUMENTS)
        return Listing(rows, known)

    async def info(self, torrent_id: str) -> Info:
        """GET ``/torrents/info/{id}``."""
        found: Info = _read(await self._send("GET", f"/torrents/info/{torrent_id}"), Info)
        if found.id != torrent_id:
            raise ProtocolError("Real-Debrid answers with another torrent than asked for.", provider=PROVIDER)
        return found

    async def select(self, torrent_id: str, files: str) -> None:
        """POST ``/torrents/selectFiles/{id}`` with ``all`` or file ids; 202 says that it was done before."""
        answer = await self._send("POST", f"/torrents/selectFiles/{torrent_id}", form={"files": files})
        if answer.status != 202:
            _done(answer, SELECTION)

    async def delete(self, torrent_id: str) -> None:
        """DELETE ``/torrents/delete/{id}``."""
        _done(await self._send("DELETE", f"/torrents/delete/{torrent_id}"))

    async def unrestrict(self, link: str, *, viewer_address: str | None = None, password: str = "") -> Unrestricted:
        """POST ``/unrestrict/link``; ``ip``, the viewer's address, is sent by several clients and not documented."""
        told = {"link": link, "password": password, "ip": viewer_address}
        form = {name: value for name, value in told.items() if value}
        answer = await self._send("POST", "/unrestrict/link", form=form)
        found: Unrestricted = _read(answer, Unrestricted, OWN_LINK if link.startswith(_OWN_LINKS) else None)
        return found

    async def hosts(self) -> dict[str, Host]:
        """GET ``/hosts/status``: hosters by main domain; an empty map may come as an empty list."""
        found = _read(await self._send("GET", "/hosts/status"), dict[str, Host] | list[None], WITHOUT_ARGUMENTS)
        return found if isinstance(found, dict) else {}

    async def _send(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - as in Http.request
        headers = {"Authorization": f"Bearer {self._credential.token.reveal()}"} | options.pop("headers", {})
        proxy = self._credential.proxy
        return await self._http.request(
            method, self._base_url + path, headers=headers, proxy=proxy, provider=PROVIDER, **options
        )


def _read(answer: Answer, model: Any, meanings: Meanings | None = None) -> Any:  # noqa: ANN401 - ``model`` may be a union
    """The body of a success as ``model``; an error body under a success status is still that error."""
    if not answer.ok:
        raise failure(answer, meanings)
    try:
        return answer.json(model, provider=PROVIDER)
    except ProtocolError as strange:
        hidden = failure(answer, meanings)
        raise strange if isinstance(hidden, ProtocolError) else hidden from None


def _done(answer: Answer, meanings: Meanings | None = None) -> None:
    """A success without a body is a 204; anything else is an error or a stranger's page."""
    if answer.status != 204:
        raise failure(answer, meanings)
