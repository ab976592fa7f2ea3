"""TorBox's HTTP API, ``/v1/api`` (https://api-docs.torbox.app): one method per endpoint, one request each.

Torrents, Usenet and web downloads are three twins with the same calls; one id has up to four names in each (``Twin``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, TypeVar

import msgspec

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import NotSupported, ProtocolError, TransferMissing, TransferNotReady
from sluicegate.net.answers import Answer
from sluicegate.net.http import Http, Part
from sluicegate.providers.torbox.errors import PERHAPS_THERE, PROVIDER, failure

__all__ = ["TWINS", "CachedItem", "Created", "File", "Hoster", "Item", "Me", "Queued", "TorBoxApi", "Twin"]

Number = int | float | None
"""Speeds, sizes and counts turn up as int or float."""

Row = TypeVar("Row", "Item", "Queued")


@dataclass(frozen=True, slots=True)
class Twin:
    """The words of one family of calls.

    Attributes:
        group: path segment.
        type: its word in calls about the queue.
        create: last path segment of the create call.
        control: last path segment of the control call.
        created_id, control_id, link_id: what one and the same id is called in a create answer, in the control call and
            in ``requestdl``.
    """

    group: str
    type: str
    create: str
    control: str
    created_id: str
    control_id: str
    link_id: str


TORRENTS: Final = Twin(
    group="torrents",
    type="torrent",
    create="createtorrent",
    control="controltorrent",
    created_id="torrent_id",
    control_id="torrent_id",
    link_id="torrent_id",
)
USENET: Final = Twin(
    group="usenet",
    type="usenet",
    create="createusenetdownload",
    control="controlusenetdownload",
    created_id="usenetdownload_id",
    control_id="usenet_id",
    link_id="usenet_id",
)
WEB: Final = Twin(
    group="webdl",
    type="webdl",
    create="createwebdownload",
    control="controlwebdownload",
    created_id="webdownload_id",
    control_id="webdl_id",
    link_id="web_id",
)
TWINS: Final = {twin.type: twin for twin in (TORRENTS, USENET, WEB)}
"""By the word for ``type``."""


class Me(msgspec.Struct):
    """``user/me``."""

    id: int
    plan: int
    premium_expires_at: str | None = None
    additional_concurrent_slots: Number = None
    total_downloaded: Number = None


class File(msgspec.Struct):
    """A file of an item; ``id`` is arbitrary, 0 included; ``name`` is the path with the root folder."""

    id: int
    name: str
    size: Number = None
    mimetype: str | None = None


class Item(msgspec.Struct):
    """A row of ``mylist``."""

    id: int
    download_state: str
    download_finished: bool | None
    download_present: bool | None
    hash: str | None = None
    name: str | None = None
    size: Number = None
    progress: Number = None
    download_speed: Number = None
    seeds: Number = None
    created_at: str | None = None
    expires_at: str | None = None
    files: list[File] | None = None


class Queued(msgspec.Struct):
    """A row of ``queued/getqueued``."""

    id: int
    hash: str | None = None
    name: str | None = None
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """What a create call made: an item, or a place in the queue, whose id is not the later item's."""

    id: int
    queued: bool


class CachedItem(msgspec.Struct):
    """A hit of ``checkcached``; misses are absent."""

    hash: str
    name: str | None = None
    size: Number = None
    files: list[File] | None = None


class Hoster(msgspec.Struct):
    """A row of ``webdl/hosters``; the SDK knows two misspelt names of ``domains``."""

    name: str
    domains: list[str] | None = None
    domais: list[str] | None = None
    domaisn: list[str] | None = None
    status: bool | None = None


class _Envelope(msgspec.Struct):
    """Around every answer; ``error`` is a code, null or, on some calls, ``false``."""

    success: bool | None
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: str | bool | None = None


_Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]")]


class TorBoxApi:
    """Calls for one key.

    Args:
        http: the shared client.
        credential: key and egress proxy of the account.
        base_url: up to and including ``/v1/api``.
    """

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/")

    async def me(self) -> Me:
        """GET ``user/me``."""
        me: Me = _read(await self._send("GET", "user/me"), Me)
        return me

    async def create_torrent(self, source: str | bytes) -> Created | None:
        """POST ``torrents/createtorrent`` with a magnet link or a ``.torrent``; see ``_create``.

        ``allow_zip`` would pack torrents of a hundred files and more.
        """
        part = (
            Part("magnet", source)
            if isinstance(source, str)
            else Part("file", source, "upload.torrent", "application/x-bittorrent")
        )
        return await self._create(TORRENTS, multipart=[part, Part("allow_zip", "false")])

    async def create_usenet(self, name: str, source: str | bytes, password: str) -> Created | None:
        """POST ``usenet/createusenetdownload`` with a link or an NZB; see ``_create``."""
        part = (
            Part("link", source) if isinstance(source, str) else Part("file", source, "upload.nzb", "application/x-nzb")
        )
        secret = [Part("password", password)] if password else []
        return await self._create(USENET, multipart=[part, Part("name", name), *secret])

    async def create_web(self, link: str, name: str, password: str) -> Created | None:
        """POST ``webdl/createwebdownload``; see ``_create``."""
        told = {"link": link, "name": name, "password": password}
        return await self._create(WEB, form={key: value for key, value in told.items() if value})

    async def items(self, twin: Twin, *, offset: int, limit: int) -> list[Item]:
        """GET ``mylist``: a page of items, at most ``limit`` (the server has been seen to give one more)."""
        params = {"bypass_cache": "true", "offset": offset, "limit": limit}
        return (await self._list(Item, f"{twin.group}/mylist", params))[:limit]

    async def item(self, twin: Twin, number: int) -> Item:
        """GET ``mylist?id=``: one object instead of a list; an unknown id may also be an empty one, or the id 0.

        Raises:
            TransferMissing: there is no such item.
        """
        params = {"bypass_cache": "true", "id": number}
        return await self._one(Item, f"{twin.group}/mylist", params)

    async def queued(self, twin: Twin, *, offset: int, limit: int) -> list[Queued]:
        """GET ``queued/getqueued``: a page of what waits for a slot."""
        params = {"type": twin.type, "bypass_cache": "true", "offset": offset, "limit": limit}
        return (await self._list(Queued, "queued/getqueued", params))[:limit]

    async def queued_one(self, twin: Twin, number: int) -> Queued:
        """GET ``queued/getqueued?id=``.

        Raises:
            TransferMissing: it does not wait, maybe not any more.
        """
        params = {"type": twin.type, "bypass_cache": "true", "id": number}
        return await self._one(Queued, "queued/getqueued", params)

    async def control(self, twin: Twin, number: int, operation: str) -> None:
        """POST ``control…``; ``delete`` removes an item and its files from the account.

        Raises:
            NotSupported: there is no such operation for this family (``INVALID_OPTION``).
        """
        told = {twin.control_id: number, "operation": operation}
        _controlled(await self._send("POST", f"{twin.group}/{twin.control}", json=told), operation)

    async def control_queued(self, number: int, operation: str) -> None:
        """POST ``queued/controlqueued``: ``delete`` or ``start``."""
        told = {"queued_id": number, "operation": operation}
        _controlled(await self._send("POST", "queued/controlqueued", json=told), operation)

    async def request_link(self, twin: Twin, number: int, file_id: int, viewer_address: str | None) -> str:
        """GET ``requestdl``: a direct link. The key travels in the query here, and only here.

        Raises:
            TransferNotReady: the item is there, but cannot be linked yet (``DATABASE_ERROR`` with status 500).
        """
        params = {twin.link_id: number, "file_id": file_id, "redirect": "false", "append_name": "false"}
        if viewer_address is not None:
            params["user_ip"] = viewer_address
        params["token"] = self._credential.token.reveal()
        answer = await self._send("GET", f"{twin.group}/requestdl", authorized=False, params=params)
        if _code(answer) == "DATABASE_ERROR":
            raise TransferNotReady(
                "TorBox cannot link this file yet.", provider=PROVIDER, upstream_code="DATABASE_ERROR"
            )
        url: str = _read(answer, _Url)
        return url

    async def check_cached(self, hashes: Sequence[str]) -> list[CachedItem]:
        """POST ``torrents/checkcached``: the hits among ``hashes``."""
        params = {"format": "list", "list_files": "true"}
        told = {"hashes": list(hashes)}
        answer = await self._send("POST", "torrents/checkcached", params=params, json=told)
        hits: list[CachedItem] | None = _read(answer, list[CachedItem] | None)
        return hits or []

    async def hosters(self) -> list[Hoster]:
        """GET ``webdl/hosters``."""
        rows: list[Hoster] = _read(await self._send("GET", "webdl/hosters"), list[Hoster])
        return rows

    async def _create(self, twin: Twin, **body: Any) -> Created | None:  # noqa: ANN401 - as in Http.request
        """POST ``create…``.

        Returns:
            The item or its place in the queue; None when the provider says that something is in the way, which may be
            this very item (``PERHAPS_THERE``).
        """
        answer = await self._send("POST", f"{twin.group}/{twin.create}", **body)
        if _code(answer) in PERHAPS_THERE:
            return None
        made = _read(answer, dict[str, Any])
        for name, queued in ((twin.created_id, False), ("queued_id", True)):
            number = _number(made.get(name))
            if number is not None:
                return Created(number, queued)
        raise ProtocolError("TorBox accepted a source and told no id for it.", provider=PROVIDER)

    async def _list(self, row: type[Row], path: str, params: dict[str, Any]) -> list[Row]:
        """Rows; an empty list is a 404 with ``success`` and ``ITEM_NOT_FOUND``."""
        answer = await self._send("GET", path, params=params)
        if answer.status == 404 and _code(answer) == "ITEM_NOT_FOUND":
            return []
        rows: list[Row] = _read(answer, list[row])  # type: ignore[valid-type]  # a class that is chosen at run time
        if any(_number(found.id) is None for found in rows):
            raise ProtocolError("TorBox lists something without an id.", provider=PROVIDER)
        return rows

    async def _one(self, model: type[Row], path: str, params: dict[str, Any]) -> Row:
        answer = await self._send("GET", path, params=params)
        found = _read(answer, msgspec.Raw)
        row: Row | None = None if bytes(found) in (b"{}", b"[]", b"null") else _shaped(answer, found, model)
        if row is None or _number(row.id) is None:
            raise TransferMissing("TorBox has no such transfer.", provider=PROVIDER, upstream_code="ITEM_NOT_FOUND")
        if row.id != params["id"]:
            raise ProtocolError("TorBox answers with another transfer than asked for.", provider=PROVIDER)
        return row

    async def _send(self, method: str, path: str, *, authorized: bool = True, **options: Any) -> Answer:  # noqa: ANN401 - as ``Http.request``
        headers = {"Authorization": f"Bearer {self._credential.token.reveal()}"} if authorized else {}
        url = f"{self._base_url}/{path}"
        proxy = self._credential.proxy
        return await self._http.request(method, url, headers=headers, proxy=proxy, provider=PROVIDER, **options)


def _controlled(answer: Answer, operation: str) -> None:
    if _code(answer) == "INVALID_OPTION":
        raise NotSupported(
            f"TorBox has no operation '{operation}' here.", provider=PROVIDER, upstream_code="INVALID_OPTION"
        )
    _read(answer, msgspec.Raw)


def _code(answer: Answer) -> str | None:
    """The error code of an answer, None without one or without an envelope."""
    try:
        error = answer.json(_Envelope, provider=PROVIDER).error
    except ProtocolError:
        return None
    return error if isinstance(error, str) else None


def _read(answer: Answer, model: Any) -> Any:  # noqa: ANN401 - whatever ``model`` stands for
    """The ``data`` of a success."""
    if not answer.ok:
        raise failure(answer)
    envelope = answer.json(_Envelope, provider=PROVIDER)
    if envelope.success is not True or isinstance(envelope.error, str):
        raise failure(answer)
    return envelope.data if model is msgspec.Raw else _shaped(answer, envelope.data, model)


def _shaped(answer: Answer, data: msgspec.Raw, model: Any) -> Any:  # noqa: ANN401 - ``model`` may be a union
    return replace(answer, body=bytes(data)).json(model, provider=PROVIDER)


def _number(value: object) -> int | None:
    """A positive id; the SDK types some as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
