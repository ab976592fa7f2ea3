"""The StremThru store API, ``/v0/store`` (github.com/MunifTanjim/stremthru): one request for each method.

``magnets`` is the older name of what StremThru 0.103.2 documents as ``torz``; both are answered there, and the older
one tells what the provider behind it said. Torrin knows the older one only.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, TypeVar

import msgspec

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import ProtocolError
from sluicegate.net.answers import Answer
from sluicegate.net.http import Http
from sluicegate.providers.stremthru.errors import PROVIDER, failure

__all__ = ["CheckedMagnet", "File", "Magnet", "Magnets", "StremThruApi", "User"]

T = TypeVar("T")

Number = int | float | None
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._:=-]{0,199}\Z")]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]\S*\Z")]

_ADD_SECONDS: Final = 60.0
"""At Real-Debrid a StremThru waits up to 25 seconds for a magnet's metadata, between calls of its own."""

_STORE: Final = re.compile(r"([a-z]{2,20}):(.+)", re.DOTALL)
"""A token that names its store, as StremThru's own settings write it."""


class User(msgspec.Struct):
    """``user``; ``subscription_status`` is ``premium``, ``trial`` or ``expired``."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    subscription_status: str


class File(msgspec.Struct):
    """A file; ``path`` begins with ``/``, ``link`` may or may not be playable before ``link/generate``.

    ``path`` is empty at a StremThru in front of Debrid-Link. ``source`` is the store's code there (``rd``, ``ad``).
    """

    path: str
    index: int = -1
    size: Number = None
    link: str | None = None
    name: str = ""
    source: str = ""


class Magnet(msgspec.Struct):
    """A transfer; ``files`` are told once it is downloaded, and not in lists."""

    id: Id
    status: str
    hash: str | None = None
    name: str | None = None
    size: Number = None
    added_at: str | None = None
    files: list[File] | None = None


class Magnets(msgspec.Struct):
    """A page of transfers, and how many there are on all pages."""

    items: list[Magnet]
    total_items: int


class CheckedMagnet(msgspec.Struct):
    """Whether a hash is there at once."""

    hash: str
    status: str
    files: list[File] | None = None


class _Checked(msgspec.Struct):
    items: list[CheckedMagnet]


class _Generated(msgspec.Struct):
    link: Url


class _Removed(msgspec.Struct):
    id: str


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


class StremThruApi:
    """Calls for one key at one store.

    Args:
        http: the shared client.
        credential: key (maybe with the store's name in front, ``realdebrid:ABC``) and egress proxy of the account.
        base_url: up to and including ``/v0/store``.
    """

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/")

    async def user(self) -> User:
        """GET ``user``."""
        return _read(await self._send("GET", "user"), User)

    async def check(self, hashes: Sequence[str]) -> list[CheckedMagnet]:
        """GET ``magnets/check``: what the store knows of these hashes."""
        answer = await self._send("GET", "magnets/check", params={"magnet": ",".join(hashes)})
        return _read(answer, _Checked).items

    async def add(self, magnet: str) -> Magnet:
        """POST ``magnets``; status 200 or 201."""
        return _read(await self._send("POST", "magnets", json={"magnet": magnet}, timeout=_ADD_SECONDS), Magnet)

    async def magnets(self, limit: int, offset: int) -> Magnets:
        """GET ``magnets``: a page. Torrin ignores both numbers and gives its newest hundred."""
        return _read(await self._send("GET", "magnets", params={"limit": limit, "offset": offset}), Magnets)

    async def magnet(self, magnet_id: str) -> Magnet:
        """GET ``magnets/{id}``."""
        magnet = _read(await self._send("GET", f"magnets/{magnet_id}"), Magnet)
        if magnet.id != magnet_id:
            raise ProtocolError("The store answers with another transfer than asked for.", provider=PROVIDER)
        return magnet

    async def remove(self, magnet_id: str) -> None:
        """DELETE ``magnets/{id}``: Torrin answers 204 without a body, StremThru 200 with the id."""
        answer = await self._send("DELETE", f"magnets/{magnet_id}")
        if answer.status != 204:
            _read(answer, _Removed)

    async def generate(self, link: str) -> str:
        """POST ``link/generate``: the direct link behind a file's ``link`` (at Torrin the same)."""
        return _read(await self._send("POST", "link/generate", json={"link": link}), _Generated).link

    async def _send(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - as ``Http.request``
        return await self._http.request(
            method,
            f"{self._base_url}/{path}",
            headers=self._headers(),
            proxy=self._credential.proxy,
            provider=PROVIDER,
            **options,
        )

    def _headers(self) -> dict[str, str]:
        named = _STORE.fullmatch(self._credential.token.reveal())
        store, key = named.groups() if named else ("", self._credential.token.reveal())
        headers = {"X-StremThru-Store-Authorization": f"Bearer {key}"}
        return headers | {"X-StremThru-Store-Name": store} if store else headers


def _read(answer: Answer, model: type[T]) -> T:
    """The ``data`` of a success."""
    if not answer.ok:
        raise failure(answer)
    envelope = answer.json(_Envelope, provider=PROVIDER)
    if envelope.error is not None:
        raise failure(answer)
    return replace(answer, body=bytes(envelope.data)).json(model, provider=PROVIDER)
