"""AllDebrid's HTTP API, v4 and v4.1: one method per endpoint, one request each.

Source: https://docs.alldebrid.com/ and, for shapes that it leaves open, what public clients met. Forms go out, JSON
comes back as ``{"status": "success", "data": …}`` or ``{"status": "error", "error": {"code", "message"}}``, nearly
always with HTTP status 200. Batch calls answer success with an ``error`` inside an item.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import ProtocolError
from sluicegate.net.http import Answer, Http, Part
from sluicegate.providers.alldebrid.errors import PROVIDER, failure

__all__ = ["AllDebridApi", "Delayed", "Host", "Magnet", "Node", "Unlocked", "Uploaded", "User"]

T = TypeVar("T")

Moment = Annotated[int, Meta(ge=0, le=253_402_300_799)]
"""Unix seconds up to the year 9999."""

Digits = Annotated[str, Meta(pattern="^[0-9]{1,11}$")]
"""Unix seconds as text."""

Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(min_length=1)]

_AGENT: Final = {"agent": "sluicegate"}
"""Demanded until January 2025 (``NO_AGENT``), neither needed nor harmful since: so it goes with every call."""


class Problem(Struct):
    """The ``error`` of a call or of an item; ``message`` is for people and changes."""

    code: str


class Envelope(Struct, Generic[T]):
    """What every answer is wrapped in."""

    status: Literal["success", "error"]
    data: T | None = None
    error: Problem | None = None


class User(Struct, rename="camel"):
    """An account.

    Attributes:
        premium_until: 0 without premium time; the documentation's sample has it quoted.
        limited_hosters_quotas: MB left per host; an empty object may come as ``[]``.
        remaining_trial_quota: MB, during a trial only.
    """

    username: Text
    is_premium: bool
    is_trial: bool = False
    premium_until: Moment | Digits = 0
    limited_hosters_quotas: dict[str, float] | list[Any] = {}
    remaining_trial_quota: float | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An accepted magnet or torrent file; ``ready`` is the only word on what is cached."""

    id: int
    ready: bool


class Magnet(Struct, rename="camel"):
    """A magnet as ``magnet/status`` tells it; figures may be missing on finished ones.

    Attributes:
        filename: ``noname`` while the metadata is unknown, as ``size`` is 0.
        status: for people.
        status_code: 0 to 15.
        hash: not documented, seen always.
    """

    id: int | Text
    status_code: int
    filename: str = ""
    size: Size = 0
    hash: str = ""
    status: str = ""
    downloaded: Size = 0
    seeders: Size | None = None
    download_speed: Size | None = None
    upload_date: Moment | None = None


class Node(Struct, rename={"name": "n", "size": "s", "link": "l", "children": "e"}):
    """A file, or a folder when it has ``children``; ``link`` has to be unlocked."""

    name: str
    size: Size | None = None
    link: str | None = None
    children: list["Node"] | None = None


class Unlocked(Struct):
    """A direct link, or why there is none yet: ``delayed`` is an id to ask with, ``streams`` are to be picked from."""

    link: str = ""
    filename: str = ""
    filesize: Size = 0
    delayed: int | Text | None = None
    streams: list[Any] = []


class Delayed(Struct):
    """A delayed link: ``status`` 1 running, 2 ready with ``link``, 3 failed; ``time_left`` in seconds."""

    status: int
    time_left: Size = 0
    link: str = ""


class Host(Struct):
    """A file hoster; ``status`` is False while it is down and may be missing."""

    name: str
    domains: list[str]
    status: bool | None = None


class _UserData(Struct):
    user: User


class _Item(Struct):
    """An item of a batch answer: an upload, or the file tree of one magnet, or its own ``error``."""

    id: int | str | None = None
    ready: bool = False
    files: list[Node] | None = None
    error: Problem | None = None


class _Magnets(Struct):
    magnets: list[_Item]


class _Files(Struct):
    files: list[_Item]


class _Statuses(Struct):
    magnets: list[Magnet] | dict[str, Any]


class _Hosts(Struct):
    hosts: dict[str, Host] | list[Host]


class _Message(Struct):
    message: str


class AllDebridApi:
    """The endpoints that the adapter needs, for one account."""

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/")

    async def user(self) -> User:
        """``GET /v4/user``."""
        return (await self._call("GET", "/v4/user", Envelope[_UserData])).user

    async def upload_magnet(self, magnet: str) -> Uploaded:
        """``POST /v4/magnet/upload`` with one magnet link."""
        data = await self._call("POST", "/v4/magnet/upload", Envelope[_Magnets], form={"magnets[]": magnet})
        return _uploaded(data.magnets)

    async def upload_torrent(self, filename: str, raw: bytes) -> Uploaded:
        """``POST /v4/magnet/upload/file`` with one ``.torrent``; its list has another name than that of magnets."""
        part = Part("files[]", raw, filename, "application/x-bittorrent")
        return _uploaded((await self._call("POST", "/v4/magnet/upload/file", Envelope[_Files], parts=(part,))).files)

    async def magnets(self) -> list[Magnet]:
        """``POST /v4.1/magnet/status``: all magnets of the account, unpaged. The same path of v4 is retired."""
        return _rows((await self._call("POST", "/v4.1/magnet/status", Envelope[_Statuses], form={})).magnets)

    async def magnet(self, magnet_id: str) -> list[Magnet]:
        """``POST /v4.1/magnet/status`` with an id: that magnet, in whatever wrapping it comes."""
        form = {"id": magnet_id}
        return _rows((await self._call("POST", "/v4.1/magnet/status", Envelope[_Statuses], form=form)).magnets)

    async def files(self, magnet_id: str) -> list[Node]:
        """``POST /v4/magnet/files``: the tree of one magnet in no stable order, empty until it is ready."""
        data = await self._call("POST", "/v4/magnet/files", Envelope[_Magnets], form={"id[]": magnet_id})
        return _only(data.magnets).files or []

    async def delete(self, magnet_id: str) -> None:
        """``POST /v4/magnet/delete``."""
        await self._call("POST", "/v4/magnet/delete", Envelope[_Message], form={"id": magnet_id})

    async def unlock(self, link: str, password: str = "") -> Unlocked:
        """``POST /v4/link/unlock``, for hoster links and for the links of magnet files alike."""
        return await self._call("POST", "/v4/link/unlock", Envelope[Unlocked], form=_with(password, {"link": link}))

    async def delayed(self, delayed_id: str) -> Delayed:
        """``POST /v4/link/delayed``."""
        return await self._call("POST", "/v4/link/delayed", Envelope[Delayed], form={"id": delayed_id})

    async def hosts(self) -> list[Host]:
        """``GET /v4.1/user/hosts``: hosts that the account may use."""
        hosts = (await self._call("GET", "/v4.1/user/hosts", Envelope[_Hosts])).hosts
        return hosts if isinstance(hosts, list) else list(hosts.values())

    async def _call(
        self,
        method: str,
        path: str,
        shape: type[Envelope[T]],
        *,
        form: Mapping[str, str] | None = None,
        parts: tuple[Part, ...] | None = None,
    ) -> T:
        answer = await self._http.request(
            method,
            self._base_url + path,
            params=_AGENT,
            headers={"Authorization": f"Bearer {self._credential.token.reveal()}"},
            form=form,
            multipart=parts,
            proxy=self._credential.proxy,
            provider=PROVIDER,
        )
        return _opened(answer, shape)


def _opened(answer: Answer, shape: type[Envelope[T]]) -> T:
    """The ``data`` of a success."""
    if not answer.ok:
        raise failure(_code(answer), status=answer.status, retry_after=answer.retry_after)
    envelope = answer.json(shape, provider=PROVIDER)
    if envelope.error is not None:
        raise failure(envelope.error.code, retry_after=answer.retry_after)
    if envelope.status == "error" or envelope.data is None:
        raise ProtocolError(f"AllDebrid answered '{envelope.status}' without saying what.", provider=PROVIDER)
    return envelope.data


def _code(answer: Answer) -> str:
    """The code in an answer with an error status, empty when a server in front of the API made it."""
    try:
        envelope = answer.json(Envelope[Any], provider=PROVIDER)
    except ProtocolError:
        return ""
    return envelope.error.code if envelope.error is not None else ""


def _only(items: list[_Item]) -> _Item:
    """The answer to the one thing that was asked; its own error is as good as one of the whole call."""
    if len(items) != 1:
        raise ProtocolError(f"AllDebrid answered {len(items)} items to one.", provider=PROVIDER)
    if (problem := items[0].error) is not None:
        raise failure(problem.code)
    return items[0]


def _uploaded(items: list[_Item]) -> Uploaded:
    item = _only(items)
    if not isinstance(item.id, int):
        raise ProtocolError("AllDebrid accepted it without an id.", provider=PROVIDER)
    return Uploaded(item.id, item.ready)


def _rows(magnets: list[Magnet] | dict[str, Any]) -> list[Magnet]:
    """Rows of a list, of a map with index keys (after a filter), or the bare object that an id is answered with."""
    if isinstance(magnets, list):
        return magnets
    found = [magnets] if "id" in magnets else list(magnets.values())
    try:
        return msgspec.convert(found, list[Magnet])
    except (msgspec.ValidationError, OverflowError) as error:
        raise ProtocolError(f"A magnet has another shape than documented: {error}.", provider=PROVIDER) from None


def _with(password: str, form: dict[str, str]) -> dict[str, str]:
    return form | {"password": password} if password else form
