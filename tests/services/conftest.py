"""Services on the real database, with providers that are scripted in memory and storages on disk."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest

from sluicegate.core.accounts import Account, AccountState, Credential, token_kind
from sluicegate.core.clock import SystemClock
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.provider import Provider
from sluicegate.core.trace import TraceEntry
from sluicegate.core.users import User
from sluicegate.db.database import Database
from sluicegate.providers.memory import LocalMemory, Memory, World
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.cascade import CascadeService
from sluicegate.services.collection import CollectionService
from sluicegate.services.library import LibraryService
from sluicegate.services.submit import SubmitService
from sluicegate.services.sync import SyncService
from sluicegate.services.vault import AesVault
from sluicegate.storages.local import LocalStorage

HASH = "aa" * 20


class Torbox(Memory):
    """A stand-in with a real house name."""

    name: ClassVar[str] = "torbox"


class Swarm(LocalMemory):
    """A stand-in for our own engine."""

    name: ClassVar[str] = "swarm"


@dataclass
class TestProviders:
    """``core.ports.Providers`` over two worlds."""

    remote: World
    local: World
    folder: Path
    __test__ = False

    def names(self) -> tuple[str, ...]:
        return ("torbox", "swarm")

    def local_names(self) -> tuple[str, ...]:
        return ("swarm",)

    def kind(self, name: str) -> type[Provider]:
        return {"torbox": Torbox, "swarm": Swarm}[name]

    def open(self, name: str, credential: Credential | None, **_: Any) -> Provider:
        if name == "swarm":
            return Swarm(self.local, self.folder)
        assert credential is not None
        return Torbox(self.remote, credential)


@dataclass
class OneStorage:
    """``core.ports.Storages`` with the local folder alone."""

    local: LocalStorage

    def get(self, storage: str) -> LocalStorage:
        assert storage == "local"
        return self.local


@dataclass
class House:
    """Everything a test of services needs."""

    database: Database
    vault: AesVault
    providers: TestProviders
    storages: OneStorage
    clock: SystemClock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        transactions = self.database.transactions
        self.transactions = transactions
        self.submit = SubmitService(transactions, self.database.changes, self.clock)
        self.library = LibraryService(transactions)
        self.sync = SyncService(transactions, self.providers, self.clock)
        self.cascade = self.cascade_with()
        self.collection = CollectionService(transactions, self.providers, self.storages, self.clock)

    def cascade_with(self, **options: Any) -> CascadeService:
        probe = AccountProbe(self.transactions, self.providers)
        return CascadeService(self.transactions, self.providers, probe, self.clock, **options)

    async def user(self, name: str = "ann") -> User:
        user = User(uuid4(), name, self.clock.now())
        async with self.transactions() as tx:
            await tx.users.add(user)
        return user

    async def account(self, user: User, token: str = "token-of-ann-1234567", **fields: Any) -> Account:
        account = Account(
            uuid4(), user.id, "torbox", fields.pop("label", "home"), AccountState.OK, self.clock.now(), **fields
        )
        sealed = self.vault.seal(token, owner=str(user.id), kind=token_kind("torbox", account.id))
        async with self.transactions() as tx:
            await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)
        return account

    async def job(self, user: User, info_hash: str = HASH) -> Job:
        job, _ = await self.submit.submit(user.id, parse_info_hash(info_hash), patience=0)
        return job

    async def read(self, job_id: UUID) -> Job:
        async with self.transactions() as tx:
            return await tx.jobs.get(job_id)

    async def files(self, job_id: UUID) -> list[JobFile]:
        async with self.transactions() as tx:
            return await tx.files.page(job_id)

    async def trace(self, job_id: UUID) -> list[TraceEntry]:
        async with self.transactions() as tx:
            return await tx.traces.page(job_id)

    def operations(self, world: World) -> list[str]:
        return [call.operation for call in world.calls]

    def now(self) -> datetime:
        return self.clock.now()


@pytest.fixture
async def house(database: Database, vault: AesVault, tmp_path: Path) -> AsyncIterator[House]:
    storage = LocalStorage(tmp_path / "files")
    providers = TestProviders(World(), World(), tmp_path / "engine")
    yield House(database, vault, providers, OneStorage(storage))
    await storage.aclose()
