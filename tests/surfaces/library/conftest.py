"""The library API on a real socket, over a real database and a provider in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException
from tests.databases import fresh_database
from tests.surfaces.serving import serving

from sluicegate.core.accounts import Account, AccountState, token_kind
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import SluicegateError
from sluicegate.core.jobs import Job
from sluicegate.core.keys import KeyKind
from sluicegate.db.changes import DatabaseChanges
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.listener import Listener
from sluicegate.db.unit_of_work import Transactions
from sluicegate.providers.memory.adapter import Memory
from sluicegate.providers.memory.world import World as MemoryWorld
from sluicegate.services.account_looks import AccountLooks
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.cascade import CascadeService
from sluicegate.services.holders import Holders
from sluicegate.services.keys import KeyService
from sluicegate.services.library import LibraryService
from sluicegate.services.link_cache import LinkCache
from sluicegate.services.playback import PlaybackService
from sluicegate.services.resolver import Resolver
from sluicegate.services.simulate import SimulateService
from sluicegate.services.submit import SubmitService
from sluicegate.services.sync import SyncService
from sluicegate.services.tombstones import TombstoneService
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault
from sluicegate.storages.memory import MemoryStorage
from sluicegate.surfaces.library.errors import answer_error
from sluicegate.surfaces.library.playback_routes import PlaybackServices
from sluicegate.surfaces.library.playback_routes import router as playback_router
from sluicegate.surfaces.library.routes import LibraryServices, router
from sluicegate.surfaces.library.sync_routes import SyncServices
from sluicegate.surfaces.library.sync_routes import router as sync_router
from sluicegate.surfaces.library.trace_routes import TraceServices
from sluicegate.surfaces.library.trace_routes import router as trace_router
from sluicegate.web.auth import Carrier, behind_guards, key_guard
from sluicegate.web.signing import ByteLinks, TokenSigner
from sluicegate.wiring.registry import ProviderRegistry, RemoteProvider, StorageRegistry

_BASE_URL = "https://media.example"
_PATIENCE = 30.0
_TOKEN = "sandbox-home"


class TorBoxTwin(Memory):
    """The twin under a name that the contract knows."""

    name = "torbox"


class _Nobody:
    """Nobody reads bytes or wraps links here."""

    read = address = wrap = None


@dataclass
class World:
    """Everything a test of this surface moves."""

    url: str
    transactions: Transactions
    vault: AesVault
    memory: MemoryWorld
    cascade: CascadeService
    users: UserService
    keys: KeyService
    clients: AsyncExitStack

    async def user(self, *, patient: bool = False) -> tuple[UUID, httpx.AsyncClient]:
        """A new user with an account at the provider, and a client that sends the user's key."""
        user = await self.users.create(f"user-{uuid4().hex[:8]}")
        _, secret = await self.keys.create(user.id, KeyKind.LIBRARY)
        await self._account(user.id)
        headers = {"authorization": f"Bearer {secret.reveal()}"}
        if not patient:
            headers["prefer"] = "respond-async"
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60)
        return user.id, await self.clients.enter_async_context(client)

    async def place(self, user_id: UUID) -> Job:
        """Waits for the user's newest job, and places it as a worker would."""
        async with asyncio.timeout(25):
            while True:
                async with self.transactions() as tx:
                    jobs = await tx.jobs.page(user_id, limit=1, offset=0)
                if jobs:
                    break
                await asyncio.sleep(0.01)
        await self.cascade.place(jobs[0].id, engines=False)
        async with self.transactions() as tx:
            return await tx.jobs.get(jobs[0].id)

    def show(self, transfer_id: str, **facts: object) -> None:
        """Moves a transfer at the provider."""
        self.memory.show(_TOKEN, transfer_id, **facts)

    async def _account(self, user_id: UUID, label: str = "home") -> None:
        account = Account(uuid4(), user_id, TorBoxTwin.name, label, AccountState.OK, SystemClock().now())
        sealed = self.vault.seal(_TOKEN, owner=str(user_id), kind=token_kind(TorBoxTwin.name, account.id))
        async with self.transactions() as tx:
            await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)


@pytest.fixture(scope="package")
async def shared(server: Connector, vault: AesVault) -> AsyncIterator[tuple[Transactions, DatabaseChanges]]:
    """One database for all tests of this surface: every test has users of its own."""
    async with AsyncExitStack() as stack:
        connector = await stack.enter_async_context(fresh_database(server, "library"))
        database = await stack.enter_async_context(open_at(connector, vault))
        listener = await stack.enter_async_context(Listener(connector))
        yield database.transactions, DatabaseChanges(listener)


@pytest.fixture(scope="package")
async def running(shared: tuple[Transactions, DatabaseChanges], vault: AesVault) -> AsyncIterator[World]:
    transactions, changes = shared
    clock = SystemClock()
    torbox = RemoteProvider(TorBoxTwin, lambda credential: TorBoxTwin(world.memory, credential))
    providers = ProviderRegistry({TorBoxTwin.name: torbox}, {})
    storages = StorageRegistry({"local": MemoryStorage()})
    signer = ByteLinks(TokenSigner([bytes(range(32))], clock), lambda: _BASE_URL, clock)
    keys = KeyService(transactions, vault, clock)
    services = LibraryServices(
        submit=SubmitService(transactions, changes, clock),
        library=LibraryService(transactions),
        patience=_PATIENCE,
    )
    holders = Holders(transactions, providers, clock)
    resolver = Resolver(transactions, providers, LinkCache(clock), holders, clock)
    playback = PlaybackService(transactions, storages, holders, resolver, _Nobody(), signer, _Nobody(), clock)
    cascade = CascadeService(transactions, providers, AccountProbe(transactions, providers), clock)
    sync = SyncService(transactions, providers, clock)
    grave = TombstoneService(transactions, providers, storages, clock, grace=timedelta(days=30))
    syncs = SyncServices(sync, AccountLooks(transactions, sync, clock), grave)
    simulate = SimulateService(transactions, providers, AccountProbe(transactions, providers))
    traces = trace_router(TraceServices(services.library, simulate))
    surfaces = [router(services), playback_router(PlaybackServices(playback)), sync_router(syncs), traces]
    app = Litestar(
        behind_guards(surfaces, {"library_key": key_guard(keys, KeyKind.LIBRARY, Carrier.BEARER)}),
        exception_handlers={HTTPException: answer_error, SluicegateError: answer_error},
        logging_config=None,
    )
    async with serving(app) as url, AsyncExitStack() as clients:
        users = UserService(transactions, clock)
        world = World(url, transactions, vault, MemoryWorld(), cascade, users, keys, clients)
        yield world


@pytest.fixture
async def world(running: World) -> AsyncIterator[World]:
    """The running API with an untouched provider; clients are closed after the test."""
    running.memory = MemoryWorld()
    async with AsyncExitStack() as clients:
        running.clients = clients
        yield running
