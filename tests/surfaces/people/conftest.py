"""The whole web application in this process, on a database of its own, with the provider sandbox beside it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.databases import fresh_database
from tests.ready_made import open_folder
from tests.surfaces.serving import serving

from sluicegate.core.jobs import Job
from sluicegate.core.keys import KeyKind
from sluicegate.db.connector import Connector
from sluicegate.sandbox.server import SandboxServer
from sluicegate.settings import Settings
from sluicegate.wiring.installation import Installation, open_installation
from sluicegate.wiring.web import make_app

MASTER_KEY = "ab" * 32


@dataclass
class Product:
    """A running installation and how to talk to it."""

    url: str
    sandbox: str
    installation: Installation
    settings: Settings
    clients: AsyncExitStack

    async def user(self, kind: KeyKind = KeyKind.LIBRARY) -> tuple[UUID, httpx.AsyncClient]:
        """A new user, and a client that sends the user's key."""
        user = await self.installation.users.create(f"user-{uuid4().hex[:8]}")
        return user.id, await self.client_of(user.id, kind)

    async def client_of(self, user_id: UUID, kind: KeyKind = KeyKind.LIBRARY) -> httpx.AsyncClient:
        """A client with a new key of this user."""
        _, secret = await self.installation.keys.create(user_id, kind)
        name, value = ("x-api-key", secret.reveal()) if kind is KeyKind.MEDIA else _bearer(secret.reveal())
        return await self.client({name: value, "prefer": "respond-async"})

    async def client(self, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        """A client with these headers, closed after the test."""
        return await self.clients.enter_async_context(httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60))

    async def control(self, path: str, body: object) -> None:
        """A control call to the sandbox."""
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.sandbox}/_control/{path}", json=body, timeout=60)
        assert answer.status_code < 300, answer.text

    async def place(self, job_id: str) -> Job:
        """Places a job, as a worker would."""
        await self.installation.cascade.place(UUID(job_id), engines=False)
        async with self.installation.database.transactions() as tx:
            return await tx.jobs.get(UUID(job_id))


def _bearer(text: str) -> tuple[str, str]:
    return "authorization", f"Bearer {text}"


@asynccontextmanager
async def running_product(server: Connector, sandbox: str, **settings: Any) -> AsyncIterator[Product]:
    """A product with these settings on an empty database."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(open_folder())
        connector = await stack.enter_async_context(fresh_database(server, "people"))
        chosen = Settings(
            data_dir=folder,
            database_url=f"postgresql://sluicegate@/{connector.database}?host={connector.embedded.socket_dir}",
            master_key=MASTER_KEY,
            egress_allow="127.0.0.1",
            **settings,
        )
        installation = await stack.enter_async_context(open_installation(chosen, sandbox=sandbox))
        await stack.enter_async_context(installation.gateway.running(installation.database.access_changes))
        await stack.enter_async_context(installation.people.running(installation.database.access_changes))
        url = await stack.enter_async_context(serving(make_app(installation)))
        installation.base_url.value = url
        clients = await stack.enter_async_context(AsyncExitStack())
        yield Product(url, sandbox, installation, chosen, clients)


@pytest.fixture(scope="package")
async def sandbox() -> AsyncIterator[str]:
    async with SandboxServer() as running:
        yield running.url


@pytest.fixture(scope="package")
async def shared_product(server: Connector, sandbox: str) -> AsyncIterator[Product]:
    async with running_product(server, sandbox, wrong_key_rate=0) as product:
        yield product


@pytest.fixture
async def product(shared_product: Product) -> AsyncIterator[Product]:
    """The shared product; every test makes users of its own."""
    async with AsyncExitStack() as clients:
        yield replace(shared_product, clients=clients)
