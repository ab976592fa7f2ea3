"""Playback: from a file of a job to a URL or to bytes, by the resolver's layers.

Layers (library sheet, section 5.11), in order: our own stored copy (``r2``); the link of the shared account or Torrin
that took the job (``external``); the link of the user's own account, through the user's stream proxy (``mediaflow``,
``stremthru-proxy``) or straight (``upstream``). An own copy is never wrapped. A user who plays ``proxied`` gets a link
of this server in place of the last three.
"""

import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.byte_source import ByteSource, StoredBytes
from sluicegate.core.errors import Conflict, NotFound, NotReady, ObjectMissing, StorageUnavailable
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.links import Link
from sluicegate.core.media_jobs import MediaState
from sluicegate.core.names import mime_type_of
from sluicegate.core.playback import PlaybackChoice, PlaybackMode
from sluicegate.core.ports import Clock, Storages, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.stream_proxies import ProxyCredential, ProxyKind
from sluicegate.services.holders import Held, Holder, Holders
from sluicegate.services.remote_bytes import LinkReader, RemoteBytes
from sluicegate.services.resolver import Resolver

__all__ = [
    "PROXIED_SECONDS",
    "STREAM_SECONDS",
    "LinkSigner",
    "LinkWrapper",
    "PlaybackService",
    "StreamAnswer",
    "Viewer",
]

STREAM_SECONDS: Final = 900
"""Promised validity of a stream URL (library sheet, section 5.10)."""

_STREAM_TIME: Final = timedelta(seconds=STREAM_SECONDS)

PROXIED_SECONDS: Final = 21_600
"""Validity of a proxied link: a player asks for the next range with the same URL until the film is over."""

_READY_LINKS: Final = frozenset({"torrin"})
"""Providers whose own accounts hand out a ready link too, which the contract calls external."""


class LinkSigner(Protocol):
    """Signs ``/bytes/…`` URLs of this installation."""

    def sign(
        self,
        *,
        user_id: UUID,
        job_kind: str,
        job_id: UUID,
        file_id: str,
        name: str,
        expires_in: int,
        key_id: UUID | None = None,
        address: str | None = None,
    ) -> str:
        """An absolute URL that yields this one file, for GET and HEAD only, until it expires.

        Args:
            user_id: whose file.
            job_kind: ``job`` or ``media``.
            job_id: the job.
            file_id: the file.
            name: for players that go by the extension.
            expires_in: seconds.
            key_id: the key with which the link dies.
            address: the only client address for which it works.
        """
        ...


class LinkWrapper(Protocol):
    """Puts a user's stream proxy in front of a link."""

    async def address(self, proxy: ProxyCredential) -> str | None:
        """The address that the proxy fetches from, for providers that bind links to it; None when it does not tell."""
        ...

    async def wrap(self, proxy: ProxyCredential, link: Link, name: str, *, seconds: int, plain: bool) -> str:
        """A URL of the proxy that plays ``link`` for ``seconds``. Raises UpstreamError."""
        ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks for a link.

    Attributes:
        address: where the request came from.
        key_id: the key it was made with; links of this server end with it.
    """

    address: str | None = None
    key_id: UUID | None = None

    @property
    def public_address(self) -> str | None:
        """The address where it means something to a provider: not for viewers in our own network."""
        try:
            return self.address if self.address and ipaddress.ip_address(self.address).is_global else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """Where a file can be streamed from.

    Attributes:
        source: the layer that answered: ``r2``, ``external``, ``mediaflow``, ``stremthru-proxy`` or ``upstream``.
        backend: provider of the user's own account behind it, else None.
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
        storages: Storages,
        holders: Holders,
        resolver: Resolver,
        reader: LinkReader,
        signer: LinkSigner,
        wrapper: LinkWrapper,
        clock: Clock,
        *,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._transactions = transactions
        self._storages = storages
        self._holders = holders
        self._resolver = resolver
        self._reader = reader
        self._signer = signer
        self._wrapper = wrapper
        self._clock = clock
        self._gate = gate

    async def stream_link(
        self,
        user_id: UUID,
        job_id: UUID,
        file_id: UUID,
        *,
        viewer: Viewer | None = None,
        unless_chosen: PlaybackMode = PlaybackMode.DIRECT,
    ) -> StreamAnswer:
        """A URL for one file of an own job.

        Args:
            user_id: whose job.
            job_id: the job.
            file_id: one of its files.
            viewer: who asks.
            unless_chosen: what a user gets who has not chosen; surfaces that players use pass ``PROXIED``.

        Raises:
            NotFound: unknown or foreign job or file.
            NotReady: the job is not ready, or nobody holds the file.
            ContentBlocked: the operator refuses this content.
            Conflict: the user wants a stream proxy that is not connected.
            UpstreamError: the provider or the stream proxy could not make a link.
        """
        viewer = viewer or Viewer()
        async with self._transactions() as tx:
            held = await self._held(tx, user_id, job_id, file_id)
            choice = PlaybackChoice.read(await tx.preferences.get(user_id))
            proxy = await _proxy(tx, user_id, choice)
        await self._pass(held.job)
        if held.file.stored_key is not None:
            return StreamAnswer(self._sign(held, viewer, choice, STREAM_SECONDS), STREAM_SECONDS, "r2", None, held.file)
        if (choice.mode or unless_chosen) is PlaybackMode.PROXIED:
            return await self._proxied(held, viewer, choice)
        if choice.use_proxy:
            return await self._wrapped(held, proxy, choice)
        holder, link = await self._resolver.first_link(held, viewer_address=viewer.public_address, lasting=_STREAM_TIME)
        source, backend = _layer(held, holder)
        return StreamAnswer(link.url, self._lifetime(link), source, backend, held.file)

    async def own_link(
        self, user_id: UUID, job_id: UUID, file_id: UUID, *, viewer: Viewer | None = None
    ) -> StreamAnswer:
        """A link of this server whatever the user prefers: for our own pages, which load nothing from elsewhere.

        Raises:
            NotFound, NotReady, ContentBlocked: as ``stream_link``.
        """
        async with self._transactions() as tx:
            held = await self._held(tx, user_id, job_id, file_id)
            choice = PlaybackChoice.read(await tx.preferences.get(user_id))
        await self._pass(held.job)
        return await self._proxied(held, viewer or Viewer(), choice)

    async def open(self, user_id: UUID, job_kind: str, job_id: UUID, file_id: str) -> ByteSource:
        """The bytes behind a signed token; checks again that they still are this user's. Raises as ``stream_link``."""
        if job_kind == "media":
            return await self._media_bytes(user_id, job_id, file_id)
        try:
            wanted = UUID(file_id)
        except ValueError as error:
            raise NotFound("There is no such file.") from error
        async with self._transactions() as tx:
            held = await self._held(tx, user_id, job_id, wanted)
        await self._pass(held.job)
        file = held.file
        if file.stored_key is not None and file.storage is not None:
            try:
                return await self._stored(file.storage, file.stored_key, file.name, file.mime_type)
            except (ObjectMissing, StorageUnavailable):
                if not await self._resolver.anybody(held):
                    raise
        return RemoteBytes(
            name=file.name,
            size=file.size if file.size >= 0 else None,
            mime_type=file.mime_type or mime_type_of(file.name),
            etag=f"{held.job.info_hash}-{file.index}-{file.size}",
            origins=self._resolver.origins(held),
            reader=self._reader,
        )

    async def _proxied(self, held: Held, viewer: Viewer, choice: PlaybackChoice) -> StreamAnswer:
        """A link of this server; nobody is asked upstream before it is opened."""
        source, backend = "r2", None
        if held.file.stored_key is None:
            source, backend = _layer(held, await self._resolver.best(held))
        url = self._sign(held, viewer, choice, PROXIED_SECONDS)
        return StreamAnswer(url, PROXIED_SECONDS, source, backend, held.file)

    async def _wrapped(self, held: Held, proxy: ProxyCredential | None, choice: PlaybackChoice) -> StreamAnswer:
        """The holder's link behind the user's proxy. Without the proxy there is no link: its user hides behind it."""
        if proxy is None:
            raise Conflict(
                f"Links go through {choice.proxy_kind or 'a stream proxy'}, and none is connected.",
                action="Connect it under /v1/integrations, or set the preference 'use_proxy' to false.",
            )
        address = await self._wrapper.address(proxy)
        holder, link = await self._resolver.first_link(held, viewer_address=address, lasting=_STREAM_TIME)
        seconds = self._lifetime(link)
        url = await self._wrapper.wrap(proxy, link, held.file.name, seconds=seconds, plain=choice.plain)
        return StreamAnswer(url, seconds, proxy.kind.value, _layer(held, holder)[1], held.file)

    def _sign(self, held: Held, viewer: Viewer, choice: PlaybackChoice, seconds: int) -> str:
        return self._signer.sign(
            user_id=held.job.user_id,
            job_kind="job",
            job_id=held.job.id,
            file_id=str(held.file.id),
            name=held.file.name,
            expires_in=seconds,
            key_id=viewer.key_id,
            address=viewer.address if choice.bind_address else None,
        )

    async def _pass(self, job: Job) -> None:
        """What was let in may have been blocked since. Raises ContentBlocked."""
        await self._gate.check_job(job.info_hash, job.name, job.source_uri)

    async def _held(self, tx: UnitOfWork, user_id: UUID, job_id: UUID, file_id: UUID) -> Held:
        job = await tx.jobs.get(job_id, user_id=user_id)
        if job.state is not JobState.READY:
            raise NotReady(f"The job is {job.state}, not ready. {job.waiting or job.error}".rstrip())
        return await self._holders.held(tx, job, await tx.files.get(job_id, file_id))

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

    def _lifetime(self, link: Link) -> int:
        if link.expires_at is None:
            return STREAM_SECONDS
        left = math.ceil((link.expires_at - self._clock.now()).total_seconds())
        return max(0, min(left, STREAM_SECONDS))


async def _proxy(tx: UnitOfWork, user_id: UUID, choice: PlaybackChoice) -> ProxyCredential | None:
    """The stream proxy that a user wants; None for one who wants none, or has not connected it."""
    if not choice.use_proxy:
        return None
    for kind in (choice.proxy_kind,) if choice.proxy_kind else tuple(ProxyKind):
        if (credential := await tx.stream_proxies.credential(user_id, kind)) is not None:
            return credential
    return None


def _layer(held: Held, holder: Holder) -> tuple[str, str | None]:
    """``external`` for a link of the operator's account or of Torrin, ``upstream`` with the provider for the user's."""
    if holder.account.user_id != held.job.user_id or holder.account.provider in _READY_LINKS:
        return "external", None
    return "upstream", holder.account.provider
