"""Torrin's native HTTP API, ``/api`` (read in the server's source): one method per endpoint, one request each.

NZBs by link are the one thing the native API lacks: ``create_nzb_link`` uses the store surface of the same host, which
works on the same jobs.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import ProtocolError
from sluicegate.net.answers import Answer
from sluicegate.net.http import Http, Part
from sluicegate.providers.torrin.errors import PROVIDER, failure

__all__ = ["Available", "AvailableFile", "File", "Hoster", "Job", "Me", "Stream", "TorrinApi"]

T = TypeVar("T")

Number = int | float | None
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]\S*\Z")]


class Plan(msgspec.Struct):
    """The plan inside ``me``; plan ids are ``free``, ``starter``, ``standard`` and ``pro``."""

    id: str
    max_concurrent_jobs: Number = None
    max_torrent_bytes: Number = None


class Me(msgspec.Struct):
    """``/api/me``."""

    user_id: Id
    plan: Plan
    active_slots: Number = None
    expires_at: str | None = None
    paused: bool | None = None


class File(msgspec.Struct):
    """A file of a job; ``name`` may contain folders."""

    index: int
    name: str
    size: Number = None


class Job(msgspec.Struct):
    """A job. Empty members are left out by the server; ``progress`` is 0 to 100."""

    id: Id
    source: str
    status: str
    created_at: str
    info_hash: str | None = None
    name: str | None = None
    error: str | None = None
    files: list[File] | None = None
    file_size: Number = None
    progress: Number = None
    speed: Number = None


class Stream(msgspec.Struct):
    """A signed link; streams come in the order of the job's files."""

    signed_url: Url
    file_name: str | None = None
    size: Number = None


class AvailableFile(msgspec.Struct):
    """A file of cached content. Its ``url`` is a signed link and is not read."""

    file_name: str
    size: Number = None


class Available(msgspec.Struct):
    """Whether a hash is in the storage that all accounts share."""

    available: bool
    files: list[AvailableFile] | None = None


class Hoster(msgspec.Struct):
    """A supported hoster. The shape of ``/api/hosters`` is not documented."""

    name: str
    domains: list[str]


class _Signed(msgspec.Struct):
    job_id: str
    streams: list[Stream]


class _Deleted(msgspec.Struct):
    status: str


class _Newz(msgspec.Struct):
    id: Id


class _StoreAnswer(msgspec.Struct):
    data: _Newz


class TorrinApi:
    """Calls for one key.

    Args:
        http: the shared client.
        credential: key and egress proxy of the account.
        base_url: the host, with or without ``/api``.
    """

    def __init__(self, http: Http, credential: Credential, base_url: str) -> None:
        self._http = http
        self._credential = credential
        self._base_url = base_url.rstrip("/").removesuffix("/api")

    async def me(self) -> Me:
        """GET ``/api/me``."""
        return _read(await self._send("GET", "api/me"), Me)

    async def create(self, magnet: str) -> tuple[Job, bool]:
        """POST ``/api/jobs``: the job, and whether it begins just now."""
        return _created(await self._send("POST", "api/jobs", json={"magnet": magnet}))

    async def create_from_file(self, torrent: bytes) -> tuple[Job, bool]:
        """POST ``/api/add`` with a ``.torrent``; as ``create``."""
        parts = [Part("file", torrent, "upload.torrent", "application/x-bittorrent")]
        return _created(await self._send("POST", "api/add", multipart=parts))

    async def create_from_hoster(self, url: str) -> tuple[Job, bool]:
        """POST ``/api/jobs/hoster``; as ``create``. What is wrong with the link shows in the job."""
        return _created(await self._send("POST", "api/jobs/hoster", json={"url": url}))

    async def create_nzb(self, name: str, nzb: bytes) -> tuple[Job, bool]:
        """POST ``/api/jobs/nzb``: the raw NZB, at most 20 MiB; as ``create``."""
        return _created(await self._send("POST", "api/jobs/nzb", params={"name": name}, content=nzb))

    async def create_nzb_link(self, link: str) -> str:
        """POST ``/v0/store/newz``: Torrin fetches the NZB itself. The job's id."""
        return _read(await self._send("POST", "v0/store/newz", json={"link": link}), _StoreAnswer).data.id

    async def jobs(self, limit: int, before: tuple[str, str] | None) -> list[Job]:
        """GET ``/api/jobs``: at most 200 jobs, newest first, from behind one (its ``created_at`` and ``id``).

        A bare array; ``null`` when there are none.
        """
        params: dict[str, Any] = {"limit": limit}
        if before is not None:
            params |= {"before": before[0], "before_id": before[1]}
        rows: list[Job] | None = _read_any(await self._send("GET", "api/jobs", params=params), list[Job] | None)
        return rows or []

    async def job(self, job_id: str) -> Job:
        """GET ``/api/jobs/{id}``."""
        job = _read(await self._send("GET", f"api/jobs/{job_id}"), Job)
        if job.id != job_id:
            raise ProtocolError("Torrin answers with another job than asked for.", provider=PROVIDER)
        return job

    async def sign(self, job_id: str) -> list[Stream]:
        """POST ``/api/jobs/{id}/sign``: fresh links to all files, good for a day."""
        signed = _read(await self._send("POST", f"api/jobs/{job_id}/sign"), _Signed)
        if signed.job_id != job_id:
            raise ProtocolError("Torrin signs another job than asked for.", provider=PROVIDER)
        return signed.streams

    async def delete(self, job_id: str) -> None:
        """DELETE ``/api/jobs/{id}``; 409 while it has to seed."""
        if _read(await self._send("DELETE", f"api/jobs/{job_id}"), _Deleted).status != "deleted":
            raise ProtocolError("Torrin does not confirm the removal.", provider=PROVIDER)

    async def available(self, hashes: Sequence[str]) -> Mapping[str, Available]:
        """POST ``/api/availability``: 1 to 100 hashes."""
        answer = await self._send("POST", "api/availability", json={"hashes": list(hashes)})
        return _read(answer, dict[str, Available])

    async def hosters(self) -> list[Hoster]:
        """GET ``/api/hosters``."""
        return _read(await self._send("GET", "api/hosters"), list[Hoster])

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
    """202 for a job that begins now, 200 for one that is there already or whose content is cached."""
    return _read(answer, Job), answer.status == 202


def _read(answer: Answer, model: type[T]) -> T:
    found: T = _read_any(answer, model)
    return found


def _read_any(answer: Answer, model: Any) -> Any:  # noqa: ANN401 - ``model`` may be a union
    if not answer.ok:
        raise failure(answer)
    return answer.json(model, provider=PROVIDER)
