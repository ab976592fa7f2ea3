"""Playback: from a file of a job to a URL or to bytes, by the resolver's layers.

Layers (library sheet, section 5.11): our own stored copy, then the provider that holds the transfer.
"""

from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.byte_source import ByteSource, StoredBytes
from sluicegate.core.errors import NotFound, NotReady
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.links import Link
from sluicegate.core.media_jobs import MediaState
from sluicegate.core.names import mime_type_of
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, Storages, UnitOfWorkFactory
from sluicegate.services.link_cache import LinkCache, LinkKey
from sluicegate.services.remote_bytes import LinkReader, RemoteBytes

__all__ = ["STREAM_SECONDS", "LinkSigner", "PlaybackService", "StreamAnswer"]

STREAM_SECONDS: Final = 900
"""Promised validity of a stream URL (library sheet, section 5.10)."""


class LinkSigner(Protocol):
    """Signs ``/bytes/…`` URLs of this installation."""

    def sign(self, *, user_id: UUID, job_kind: str, job_id: UUID, file_id: str, name: str, expires_in: int) -> str:
        """An absolute URL that yields this one file, for GET and HEAD only, until it expires."""
        ...


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """Where a file can be streamed from.

    Attributes:
        source: ``r2`` for our own copy, ``upstream`` for the provider's link (wire words of the contract).
        backend: provider behind ``upstream``, else None.
    """

    url: str
    expires_in_seconds: int
    source: str
    backend: str | None
    file: JobFile


class PlaybackService:
    """Resolves files to URLs and bytes; every call is bound to one user."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        storages: Storages,
        links: LinkCache,
        reader: LinkReader,
        signer: LinkSigner,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._storages = storages
        self._links = links
        self._reader = reader
        self._signer = signer
        self._clock = clock

    async def stream_link(
        self, user_id: UUID, job_id: UUID, file_id: UUID, *, viewer_address: str | None = None
    ) -> StreamAnswer:
        """A URL for one file of an own job.

        Raises:
            NotFound: unknown or foreign job or file.
            NotReady: the job is not ready.
            UpstreamError: the provider could not make a link.
        """
        job, file = await self._file(user_id, job_id, file_id)
        if file.stored_key is not None:
            url = self._signer.sign(
                user_id=user_id,
                job_kind="job",
                job_id=job_id,
                file_id=str(file_id),
                name=file.name,
                expires_in=STREAM_SECONDS,
            )
            return StreamAnswer(url, STREAM_SECONDS, "r2", None, file)
        link = await self._resolve(job, file, viewer_address)
        return StreamAnswer(link.url, self._lifetime(link), "upstream", job.provider, file)

    async def open(self, user_id: UUID, job_kind: str, job_id: UUID, file_id: str) -> ByteSource:
        """The bytes behind a signed token; checks again that they still are this user's. Raises as ``stream_link``."""
        if job_kind == "media":
            return await self._media_bytes(user_id, job_id, file_id)
        try:
            wanted = UUID(file_id)
        except ValueError as error:
            raise NotFound("There is no such file.") from error
        job, file = await self._file(user_id, job_id, wanted)
        if file.stored_key is not None and file.storage is not None:
            return await self._stored(file.storage, file.stored_key, file.name, file.mime_type)
        key = self._key(job, file, None)
        return RemoteBytes(
            name=file.name,
            size=file.size if file.size >= 0 else None,
            mime_type=file.mime_type or mime_type_of(file.name),
            etag=f"{job.info_hash}-{file.index}-{file.size}",
            resolve=lambda: self._resolve(job, file, None),
            expire=lambda link: self._links.forget(key, link),
            reader=self._reader,
        )

    async def _media_bytes(self, user_id: UUID, job_id: UUID, part: str) -> ByteSource:
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, user_id=user_id)
        keys = {"media": job.stored_key, "subtitle": job.subtitle_key, "thumbnail": job.thumbnail_key}
        key = keys.get(part)
        if job.state is not MediaState.COMPLETED or key is None or job.storage is None:
            raise NotFound("There is no such file.")
        return await self._stored(job.storage, key, key.rpartition("/")[2], None)

    async def _stored(self, storage_name: str, key: str, name: str, mime_type: str | None) -> ByteSource:
        storage = self._storages.get(storage_name)
        return StoredBytes(storage, await storage.stat(key), name, mime_type or mime_type_of(name))

    async def _file(self, user_id: UUID, job_id: UUID, file_id: UUID) -> tuple[Job, JobFile]:
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id)
            if job.state is not JobState.READY:
                raise NotReady(f"The job is {job.state}, not ready. {job.waiting or job.error}".rstrip())
            return job, await tx.files.get(job_id, file_id)

    async def _resolve(self, job: Job, file: JobFile, viewer_address: str | None) -> Link:
        key = self._key(job, file, viewer_address)
        return await self._links.get(key, lambda: self._ask(key, job.provider))

    async def _ask(self, key: LinkKey, provider_name: str) -> Link:
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(key.account_id)
        async with self._providers.open(provider_name, credential, priority=Priority.PLAY) as provider:
            return await provider.link(key.locator, viewer_address=key.address)

    def _key(self, job: Job, file: JobFile, viewer_address: str | None) -> LinkKey:
        if job.account_id is None or file.locator is None:
            raise NotReady("The provider holds no link to this file.")
        addressed = self._providers.kind(job.provider).addressed_links
        return LinkKey(job.account_id, file.locator, viewer_address if addressed else None)

    def _lifetime(self, link: Link) -> int:
        if link.expires_at is None:
            return STREAM_SECONDS
        left = int((link.expires_at - self._clock.now()).total_seconds())
        return max(0, min(left, STREAM_SECONDS))
