"""SmokeDebrid's HTTP API, ``/v1`` (docs/sandbox.md): one method per endpoint, one request each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import ProtocolError
from sluicegate.net.answers import Answer
from sluicegate.net.http import Http
from sluicegate.providers.smokedebrid.errors import PROVIDER, failure

__all__ = ["Account", "File", "Host", "Job", "Jobs", "SignedLink", "SmokeDebridApi", "Unlocked"]

T = TypeVar("T")

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Size = Annotated[int, msgspec.Meta(ge=0)]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]")]


class Account(msgspec.Struct):
    """``GET account``."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    plan: str
    premium_until: datetime
    active_transfers: Size


class File(msgspec.Struct):
    """A file of a transfer; ``path`` is relative to the root folder."""

    id: Size
    path: str
    size: Size


class Job(msgspec.Struct):
    """A transfer; ``progress`` is 0 to 1, ``files`` is there when one transfer was asked for."""

    id: Id
    kind: str
    state: str
    name: str
    size: Size
    progress: float
    speed: Size
    created_at: datetime
    info_hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")] | None = None
    files: list[File] | None = None


class Jobs(msgspec.Struct):
    """A page of transfers; pages are counted from 1."""

    transfers: list[Job]
    page: int
    pages: int


class SignedLink(msgspec.Struct):
    """A direct link."""

    url: Url
    expires_at: datetime


class Unlocked(msgspec.Struct):
    """A hoster link that was made direct."""

    name: str
    size: Size
    url: Url
    expires_at: datetime


class Host(msgspec.Struct):
    """A supported hoster."""

    name: str
    domains: list[str]


class _OneJob(msgspec.Struct):
    transfer: Job


class _OneAccount(msgspec.Struct):
    account: Account


class _Cached(msgspec.Struct):
    cached: dict[str, bool]


class _Hosts(msgspec.Struct):
    hosts: list[Host]


class SmokeDebridApi:
    """Calls for one token.

    Args:
        http: the shared client.
        credential: token and egress proxy of the account.
        base_url: up to and including ``/v1``.
    """

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/")

    async def account(self) -> Account:
        """GET ``account``."""
        return (await self._get("account", _OneAccount)).account

    async def submit(self, source: Mapping[str, str]) -> tuple[Job, bool]:
        """POST ``transfers`` with ``magnet``, ``link`` or ``nzb_url``: the transfer, and whether it is new."""
        return _created(await self._send("POST", "transfers", json=source))

    async def submit_torrent(self, torrent: bytes) -> tuple[Job, bool]:
        """POST ``transfers/torrent``: as ``submit``."""
        return _created(await self._send("POST", "transfers/torrent", content=torrent))

    async def submit_nzb(self, name: str, nzb: bytes) -> tuple[Job, bool]:
        """POST ``transfers/nzb``: as ``submit``."""
        return _created(await self._send("POST", "transfers/nzb", params={"name": name}, content=nzb))

    async def jobs(self, page: int, per_page: int) -> Jobs:
        """GET ``transfers``: a page of all transfers, youngest first; at most 500."""
        return await self._get("transfers", Jobs, params={"page": page, "per_page": per_page})

    async def job(self, job_id: str) -> Job:
        """GET ``transfers/{id}``: one transfer with its files."""
        job = (await self._get(f"transfers/{job_id}", _OneJob)).transfer
        if job.id != job_id or job.files is None:
            raise ProtocolError("SmokeDebrid answers with another transfer than asked for.", provider=PROVIDER)
        return job

    async def link(self, job_id: str, file_id: int) -> SignedLink:
        """POST ``transfers/{id}/files/{file}/link``."""
        return _read(await self._send("POST", f"transfers/{job_id}/files/{file_id}/link"), SignedLink)

    async def remove(self, job_id: str) -> None:
        """DELETE ``transfers/{id}``: status 204 without a body."""
        answer = await self._send("DELETE", f"transfers/{job_id}")
        if answer.status != 204:
            raise failure(answer)

    async def unlock(self, link: str) -> Unlocked:
        """POST ``unlock``."""
        return _read(await self._send("POST", "unlock", json={"link": link}), Unlocked)

    async def cached(self, hashes: Sequence[str]) -> dict[str, bool]:
        """POST ``availability``: at most 500 hashes."""
        return _read(await self._send("POST", "availability", json={"hashes": list(hashes)}), _Cached).cached

    async def hosts(self) -> list[Host]:
        """GET ``hosts``."""
        return (await self._get("hosts", _Hosts)).hosts

    async def _get(self, path: str, model: type[T], **options: Any) -> T:  # noqa: ANN401 - as ``Http.request``
        return _read(await self._send("GET", path, **options), model)

    async def _send(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - as ``Http.request``
        return await self._http.request(
            method,
            f"{self._base_url}/{path}",
            headers={"Authorization": f"Bearer {self._credential.token.reveal()}"},
            proxy=self._credential.proxy,
            provider=PROVIDER,
            **options,
        )


def _created(answer: Answer) -> tuple[Job, bool]:
    """201 for a transfer that is new, 200 for one that is there already."""
    return _read(answer, _OneJob).transfer, answer.status == 201


def _read(answer: Answer, model: type[T]) -> T:
    if not answer.ok:
        raise failure(answer)
    return answer.json(model, provider=PROVIDER)
