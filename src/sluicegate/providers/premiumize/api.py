"""Premiumize's HTTP API: one method per endpoint, one request each.

Source: https://www.premiumize.me/api, and what public clients met where it is silent. Forms go out, JSON comes back
with ``status`` beside the fields; an error is ``{"status": "error", "code", "message"}`` with HTTP status 200, and
``code`` may be missing. The key travels as a bearer token: in the query, as older clients send it, logs would keep it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import FileGone, ProtocolError, TransferMissing, UpstreamError
from sluicegate.net.http import Answer, Http, Part
from sluicegate.providers.premiumize.errors import PROVIDER, failure, is_duplicate

__all__ = ["AccountInfo", "Checked", "Direct", "Entry", "Folder", "PremiumizeApi", "Row", "Services"]

T = TypeVar("T")

Moment = Annotated[int, Meta(ge=0, le=253_402_300_799)]
"""Unix seconds up to the year 9999."""

MomentText = Annotated[str, Meta(pattern="^[0-9]{0,11}$")]
"""The same as text."""

Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Digits = Annotated[str, Meta(pattern="^[0-9]{0,18}$")]
"""A number as text; empty when it is unknown."""

Text = Annotated[str, Meta(min_length=1)]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Verdict(Struct):
    """What every answer begins with; ``/item/details`` and ``/services/list`` may leave a good ``status`` out."""

    status: str | None = None
    code: str | None = None
    message: str | None = None


class AccountInfo(Struct):
    """An account.

    Attributes:
        customer_id: text today, a number in the older generation.
        premium_until: stays where it was after the end; None, False or 0 for never.
        limit_used: share of the fair-use budget, 0 to 1 or slightly more.
        booster_points: drawn when the budget is used up.
        space_used: bytes.
    """

    customer_id: int | Text
    premium_until: Moment | bool | None = None
    limit_used: float | None = None
    booster_points: float | None = None
    space_used: float | None = None


class Created(Struct):
    """An accepted job."""

    id: Text


class Row(Struct):
    """A job as ``/transfer/list`` tells it: without hash, size and kind.

    Attributes:
        progress: 0 to 1; anything once it is over.
        src: a link to ``/job/src`` today, the source itself in the older generation.
        folder_id: folder with the content, but the *destination* folder when ``file_id`` is set.
        file_id: the one file of a single-file job.
        other_cloud_id: set when the account's downloads go to somebody else's cloud.
    """

    id: Text
    status: str
    name: str | None = None
    message: str | None = None
    progress: float | None = None
    src: str | None = None
    folder_id: str | None = None
    file_id: str | None = None
    other_cloud_id: str | None = None
    created_at: Moment | MomentText | None = None


class Entry(Struct):
    """A file or folder of the cloud; ``link`` is a plain direct link, missing on folders and on very fresh files."""

    id: Text
    name: str
    type: Literal["file", "folder"]
    size: Size | Digits | None = None
    link: str | None = None
    mime_type: str | None = None


class Folder(Struct):
    """A folder with what lies in it; ``parent_id`` is null for the root."""

    content: list[Entry]
    name: str | None = None
    parent_id: str | UnsetType | None = UNSET


class DirectFile(Struct):
    """A file behind a link. ``stream_link`` is deprecated and not read."""

    path: str
    link: str | None = None
    size: Size | Digits | None = None


class Direct(Struct):
    """What is behind a link; the fields beside ``content`` are deprecated."""

    content: list[DirectFile]


class Checked(Struct):
    """Parallel arrays in the order of the question; they may be shorter than it."""

    response: list[bool]
    filename: list[str | None] = []
    filesize: list[Size | Digits | None] = []


class Services(Struct):
    """Hosters by main domain: ``directdl`` can be unlocked; ``aliases`` holds all domains of each."""

    directdl: list[str]
    aliases: dict[str, list[str]] | list[Any] = {}


class _Rows(Struct):
    transfers: list[Row]


class PremiumizeApi:
    """The endpoints that the adapter needs, for one account."""

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/")

    async def account(self) -> AccountInfo:
        """``GET /account/info``."""
        return _read(await self._send("GET", "/account/info"), AccountInfo)

    async def create(self, source: str | Part, password: str = "") -> Created | None:
        """``POST /transfer/create`` with a magnet or link, or with a file part that is called ``src`` as well.

        Returns:
            None when the account has this job already, which Premiumize says without its id.
        """
        if isinstance(source, str):
            answer = await self._send("POST", "/transfer/create", form=_with(password, {"src": source}))
        else:
            answer = await self._send("POST", "/transfer/create", parts=(source,))
        return None if _refused_as_duplicate(answer) else _read(answer, Created)

    async def transfers(self) -> list[Row]:
        """``GET /transfer/list``: all jobs, unpaged; there is no other way to see one."""
        return _read(await self._send("GET", "/transfer/list"), _Rows).transfers

    async def source(self, transfer_id: str) -> str | None:
        """``GET /job/src``: redirects to the magnet or link that made a job; None when it was made from a file."""
        answer = await self._send("GET", "/job/src", params={"id": transfer_id})
        if answer.status in _REDIRECTS:
            return answer.headers.get("location")
        try:
            _read(answer, Verdict)
        except FileGone:
            return None
        return None

    async def delete_transfer(self, transfer_id: str) -> None:
        """``POST /transfer/delete``. Whether the files go too is disputed among clients."""
        _read(await self._send("POST", "/transfer/delete", form={"id": transfer_id}), Verdict, missing=TransferMissing)

    async def folder(self, folder_id: str) -> Folder:
        """``GET /folder/list``: one level, unpaged."""
        return _read(await self._send("GET", "/folder/list", params={"id": folder_id}), Folder)

    async def delete_folder(self, folder_id: str) -> None:
        """``POST /folder/delete``, with everything in it."""
        _read(await self._send("POST", "/folder/delete", form={"id": folder_id}), Verdict)

    async def item(self, item_id: str) -> Entry:
        """``GET /item/details``: one file, without a ``status`` when all is well."""
        return _read(await self._send("GET", "/item/details", params={"id": item_id}), Entry, bare=True)

    async def delete_item(self, item_id: str) -> None:
        """``POST /item/delete``."""
        _read(await self._send("POST", "/item/delete", form={"id": item_id}), Verdict)

    async def direct(self, link: str, password: str = "") -> Direct:
        """``POST /transfer/directdl``: costs fair-use points with every success."""
        return _read(await self._send("POST", "/transfer/directdl", form=_with(password, {"src": link})), Direct)

    async def check(self, items: Sequence[str]) -> Checked:
        """``POST /cache/check``, free of charge. As GET, long lists are refused with status 414."""
        return _read(await self._send("POST", "/cache/check", form={"items[]": list(items)}), Checked)

    async def services(self) -> Services:
        """``GET /services/list``, which needs no key."""
        return _read(await self._send("GET", "/services/list"), Services, bare=True)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str | list[str]] | None = None,
        parts: tuple[Part, ...] | None = None,
    ) -> Answer:
        return await self._http.request(
            method,
            self._base_url + path,
            headers={"Authorization": f"Bearer {self._credential.token.reveal()}"},
            params=params,
            form=form,
            multipart=parts,
            proxy=self._credential.proxy,
            provider=PROVIDER,
        )


def _read(answer: Answer, shape: type[T], *, missing: type[UpstreamError] = FileGone, bare: bool = False) -> T:
    """The fields of a success; ``bare`` ones may come without a ``status``."""
    verdict = _verdict(answer)
    if not answer.ok or verdict.status == "error":
        raise failure(
            verdict.code or "",
            verdict.message or "",
            status=answer.status,
            page=answer.body.lstrip().startswith(b"<"),
            retry_after=answer.retry_after,
            missing=missing,
        )
    if verdict.status != "success" and not (bare and verdict.status is None):
        raise ProtocolError("Premiumize answered neither success nor error.", provider=PROVIDER, upstream_code="status")
    return answer.json(shape, provider=PROVIDER)


def _verdict(answer: Answer) -> Verdict:
    """How the answer ended; nothing is known where the body of an error status is not the API's."""
    try:
        return answer.json(Verdict, provider=PROVIDER)
    except ProtocolError:
        if answer.ok:
            raise
        return Verdict()


def _refused_as_duplicate(answer: Answer) -> bool:
    verdict = _verdict(answer)
    return verdict.status == "error" and is_duplicate(verdict.message or "")


def _with(password: str, form: dict[str, str]) -> dict[str, str]:
    return form | {"password": password} if password else form
