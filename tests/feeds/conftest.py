"""Feeds, the outbound feed and the Stremio add-on on real sockets, over a real database and a remote that obeys."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar
from tests.databases import fresh_database
from tests.net.wire import Remote, listen
from tests.surfaces.serving import serving

from sluicegate.core.clock import SystemClock
from sluicegate.core.feeds import Feed
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.keys import KeyKind
from sluicegate.core.sources import SourceKind
from sluicegate.db.changes import DatabaseChanges
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.listener import Listener
from sluicegate.db.unit_of_work import Transactions
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http
from sluicegate.services.feeds import FeedChange
from sluicegate.services.keys import KeyService
from sluicegate.services.plans import UnlimitedPlans
from sluicegate.services.submit import SubmitService
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault
from sluicegate.settings import Settings
from sluicegate.storages.memory import MemoryStorage
from sluicegate.surfaces.feed import routes as feed
from sluicegate.surfaces.library import feed_routes, link_key_routes
from sluicegate.surfaces.stremio import routes as stremio
from sluicegate.surfaces.stremio.cors import with_cors
from sluicegate.surfaces.stremio.errors import answer_error
from sluicegate.web.auth import Carrier, behind_guards, key_guard
from sluicegate.web.security_headers import with_security_headers
from sluicegate.web.signing import ByteLinks, TokenSigner
from sluicegate.wiring.feeds import FeedParts, blocklist_service, feed_parts
from sluicegate.wiring.installation import BaseUrl
from sluicegate.wiring.playback import playback_service
from sluicegate.wiring.registry import ProviderRegistry, StorageRegistry

GIB = 1 << 30


class MovedClock(SystemClock):
    """The system's clock, moved ahead by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


@dataclass
class World:
    """Everything a test of this area moves."""

    url: str
    remote: Remote
    transactions: Transactions
    parts: FeedParts
    users: UserService
    keys: KeyService
    clock: MovedClock
    clients: AsyncExitStack

    async def user(self) -> tuple[UUID, httpx.AsyncClient]:
        """A new user, and a client that sends the user's library key."""
        user = await self.users.create(f"user-{uuid4().hex[:8]}")
        headers = {"authorization": f"Bearer {await self.key(user.id, KeyKind.LIBRARY)}"}
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60)
        return user.id, await self.clients.enter_async_context(client)

    async def key(self, user_id: UUID, kind: KeyKind) -> str:
        """A new key."""
        _, secret = await self.keys.create(user_id, kind)
        return secret.reveal()

    async def feed(self, user_id: UUID, path: str = "/feed", **change: Any) -> Feed:
        """A subscription to the remote."""
        return await self.parts.feeds.add(user_id, FeedChange("test", self.remote.url(path), **change))

    async def read(self, feed_id: UUID) -> Feed:
        async with self.transactions() as tx:
            return await tx.feeds.get(feed_id)

    async def jobs(self, user_id: UUID) -> list[Job]:
        async with self.transactions() as tx:
            return await tx.jobs.page(user_id, limit=500, offset=0)

    async def ready(
        self, user_id: UUID, name: str, *paths: str, size: int = GIB, kind: str = "torrent", stored: bool = True
    ) -> Job:
        """A ready job with files, each of an equal share of ``size``; we have copies of those that are ``stored``."""
        now = self.clock.now()
        info_hash = hashlib.sha1(f"{name}{paths}{user_id}".encode(), usedforsecurity=False).hexdigest()
        uri = f"magnet:?xt=urn:btih:{info_hash}" if kind == "torrent" else "https://host.example/file"
        job = Job(
            uuid4(),
            user_id,
            info_hash,
            SourceKind(kind),
            uri,
            JobState.READY,
            now,
            now,
            name=name,
            size=size,
            progress=1.0,
        )
        shares = paths or (f"{name}.mkv",)
        async with self.transactions() as tx:
            await tx.jobs.add(job)
            files = [JobFile(uuid4(), job.id, n, path, size // len(shares)) for n, path in enumerate(shares)]
            await tx.files.replace(job.id, files)
            for file in files if stored else ():
                await tx.files.stored(file.id, storage="local", key=f"{job.id}/{file.index}", size=file.size)
        return job


@pytest.fixture(scope="package")
async def shared(server: Connector, vault: AesVault) -> AsyncIterator[tuple[Transactions, DatabaseChanges]]:
    """One database for all tests of this area: every test has users of its own."""
    async with AsyncExitStack() as stack:
        connector = await stack.enter_async_context(fresh_database(server, "feeds"))
        database = await stack.enter_async_context(open_at(connector, vault))
        listener = await stack.enter_async_context(Listener(connector))
        yield database.transactions, DatabaseChanges(listener)


@pytest.fixture(scope="package")
async def http() -> AsyncIterator[Http]:
    """The way out, which may reach this machine's 127.0.0.1 and nothing else."""
    async with open_http(EgressPolicy.parse("127.0.0.1")) as http:
        yield http


@pytest.fixture
async def world(
    shared: tuple[Transactions, DatabaseChanges], vault: AesVault, http: Http, tmp_path: Path
) -> AsyncIterator[World]:
    transactions, changes = shared
    clock = MovedClock()
    async with listen() as remote, AsyncExitStack() as clients:
        base = BaseUrl("")
        settings = Settings(data_dir=tmp_path, title_source=remote.url("/titles"))
        blocklist = blocklist_service(settings, transactions, http, clock)
        submit = SubmitService(transactions, changes, clock, blocklist)
        storages = StorageRegistry({"local": MemoryStorage()})
        signer = ByteLinks(TokenSigner([bytes(range(32))], clock), base, clock)
        playback = playback_service(settings, transactions, ProviderRegistry({}, {}), storages, http, signer, clock)
        keys = KeyService(transactions, vault, clock)
        parts = feed_parts(
            settings, transactions, http, blocklist, submit, playback, keys, base, clock, UnlimitedPlans()
        )
        routers = [
            feed_routes.router(feed_routes.FeedServices(parts.feeds, parts.poller)),
            link_key_routes.router(link_key_routes.LinkKeyServices(parts.link_keys)),
            feed.router(feed.OutboundServices(parts.outbound, keys, base, None)),
            stremio.router(stremio.StremioServices(parts.stremio, keys, parts.link_keys, base, None)),
        ]
        app = Litestar(
            behind_guards(routers, {"library_key": key_guard(keys, KeyKind.LIBRARY, Carrier.BEARER)}),
            exception_handlers={Exception: answer_error},
            openapi_config=None,
            logging_config=None,
        )
        async with serving(with_security_headers(with_cors(app))) as url:
            base.value = url
            yield World(url, remote, transactions, parts, UserService(transactions, clock), keys, clock, clients)
