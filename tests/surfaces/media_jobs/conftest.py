"""The media jobs API on a real socket, over a real database, with a worker that really fetches."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException
from tests.databases import fresh_database
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Site
from tests.surfaces.serving import serving

from sluicegate.core.blocklist import OPEN_GATE
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import SluicegateError
from sluicegate.core.keys import KeyKind
from sluicegate.core.media_events import NoMediaEvents
from sluicegate.core.media_targets import LocalTargets
from sluicegate.core.users import UserLimits
from sluicegate.db.changes import DatabaseChanges
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.listener import Listener
from sluicegate.db.unit_of_work import Transactions
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.http import Http
from sluicegate.services.keys import KeyService
from sluicegate.services.task_kinds import MEDIA_ADMIT
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault
from sluicegate.settings import Settings
from sluicegate.storages.local import LocalStorage
from sluicegate.surfaces.media_jobs import account_routes, batch_routes, routes
from sluicegate.surfaces.media_jobs.calls import MediaServices
from sluicegate.surfaces.media_jobs.errors import answer_error
from sluicegate.tasks import media
from sluicegate.web.auth import Carrier, behind_guards, key_guard
from sluicegate.web.signing import ByteLinks, TokenSigner
from sluicegate.wiring.media import MediaParts, media_parts
from sluicegate.wiring.registry import StorageRegistry

OVER = {"Completed", "Failed", "Warning", "Skipped"}
PATIENCE = 90.0

_WORDS = ("Missing x-api-key header", "Invalid API Key")


@dataclass
class Person:
    """A user with a media key, and a client that sends it."""

    id: UUID
    name: str
    client: httpx.AsyncClient

    async def call(self, method: str, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
        """One call whose answer must have ``status``."""
        answer = await self.client.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def submit(self, url: str, **options: Any) -> str:
        """A single job's id."""
        return str((await self.call("POST", "/jobs", {"url": url, **options}))["job_id"])

    async def until(self, job_id: str, *wanted: str) -> dict[str, Any]:
        """The job as soon as its status or step is one of ``wanted``; by default when it is over."""
        async with asyncio.timeout(PATIENCE):
            while True:
                job = await self.call("GET", f"/jobs/{job_id}")
                if {job["status"], job["step"]} & (set(wanted) or OVER):
                    return job
                await asyncio.sleep(0.05)

    async def done(self, url: str, **options: Any) -> dict[str, Any]:
        """The job for ``url`` when it is over."""
        return await self.until(await self.submit(url, **options))

    async def batch_over(self, batch_id: str) -> dict[str, Any]:
        """The batch when all of its jobs are over."""
        async with asyncio.timeout(PATIENCE):
            while (batch := await self.call("GET", f"/batch/{batch_id}"))["status"] not in {"completed", "finished"}:
                await asyncio.sleep(0.05)
            return batch


@dataclass
class World:
    """Everything a test of this surface moves."""

    url: str
    data: Path
    transactions: Transactions
    parts: MediaParts
    keys: KeyService
    clients: AsyncExitStack

    async def person(self, limits: UserLimits | None = None) -> Person:
        """A new user."""
        user = await UserService(self.transactions, SystemClock()).create(f"user-{uuid4().hex[:8]}")
        _, secret = await self.keys.create(user.id, KeyKind.MEDIA)
        if limits is not None:
            async with self.transactions() as tx:
                await tx.limits.put(user.id, limits)
        client = httpx.AsyncClient(base_url=self.url, headers={"x-api-key": secret.reveal()}, timeout=PATIENCE)
        return Person(user.id, user.name, await self.clients.enter_async_context(client))

    def stored(self, person: Person) -> dict[str, Path]:
        """The person's stored files by key."""
        root = self.data / "files" / "media" / str(person.id)
        return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="package")
async def running(server: Connector, vault: AesVault, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    data = tmp_path_factory.mktemp("media-data")
    settings = Settings(data_dir=data, download_max_gib=1 / 16, media_entries_max=4)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        connector = await stack.enter_async_context(fresh_database(server, "media"))
        database = await stack.enter_async_context(open_at(connector, vault))
        changes = DatabaseChanges(await stack.enter_async_context(Listener(connector)))
        egress = Egress(EgressPolicy.parse("127.0.0.1"))
        stack.callback(egress.close)
        http = Http(egress)
        stack.push_async_callback(http.aclose)
        storages = StorageRegistry({"local": LocalStorage(data / "files")})
        links = ByteLinks(TokenSigner([bytes(range(32))], clock), lambda: "https://media.example", clock)
        transactions = database.transactions
        parts = await stack.enter_async_context(
            media_parts(
                settings, transactions, http, storages, links, LocalTargets(), NoMediaEvents(), clock, OPEN_GATE
            )
        )
        keys = KeyService(transactions, vault, clock)
        services = MediaServices(parts.jobs, parts.batches, parts.usage, parts.pages, changes)
        routers = [routes.router(services), batch_routes.router(services), *account_routes.routers(services)]
        app = Litestar(
            behind_guards(routers, {"media_key": key_guard(keys, KeyKind.MEDIA, Carrier.API_KEY, words=_WORDS)}),
            exception_handlers={HTTPException: answer_error, SluicegateError: answer_error},
            logging_config=None,
        )
        worker = database.worker(media.handlers(parts.run, parts.queue), limits={MEDIA_ADMIT: 1}, grace=5.0)
        working = asyncio.create_task(worker.run())
        url = await stack.enter_async_context(serving(app))
        clients = await stack.enter_async_context(AsyncExitStack())
        yield World(url, data, transactions, parts, keys, clients)
        worker.stop()
        await working


@pytest.fixture
async def world(running: World) -> AsyncIterator[World]:
    """The running API; clients are closed after the test."""
    async with AsyncExitStack() as clients:
        running.clients = clients
        yield running


@pytest.fixture
async def person(world: World) -> Person:
    """Somebody without limits."""
    return await world.person()


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on the loopback."""
    with Site.running() as here:
        yield here


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of picture and sound, its index at the front."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(*picture("640x360", 2), *tone(2), *X264, "-c:a", "aac", "-movflags", "+faststart", path)
    return path
