"""What the tests of the cascade share: a house with several providers, and a clock that a test moves."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

from tests.services.conftest import House

from sluicegate.core.accounts import Account, AccountState, Credential, token_kind
from sluicegate.core.cascade import CascadePreferences, CascadeRules
from sluicegate.core.clock import SystemClock
from sluicegate.core.jobs import Job
from sluicegate.core.provider import Provider
from sluicegate.core.trace import TraceEntry
from sluicegate.core.users import User
from sluicegate.providers.memory import LocalMemory, Memory, World
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.cascade import CascadeService
from sluicegate.services.cascade_preferences import CascadePreferenceService
from sluicegate.services.leftovers import LeftoverService
from sluicegate.services.recascade import RecascadeService
from sluicegate.services.simulate import SimulateService

_SAID = {"has-it", "has-not", "unknown"}


async def decisions(house: House, job: Job) -> list[TraceEntry]:
    """The trace without what was merely asked: own copies and availability."""
    return [entry for entry in await house.trace(job.id) if entry.verdict not in _SAID and entry.rung != "own copies"]


def _twin(house_name: str) -> type[Memory]:
    class Twin(Memory):
        name: ClassVar[str] = house_name

    return Twin


class SilentTwin(Memory):
    """A provider that does not tell what it has."""

    name: ClassVar[str] = "realdebrid"
    availability = Provider.availability  # type: ignore[assignment]


class Swarm(LocalMemory):
    """Our own engine."""

    name: ClassVar[str] = "swarm"


KINDS: dict[str, type[Memory]] = {name: _twin(name) for name in ("torbox", "torrin", "premiumize", "alldebrid")} | {
    "realdebrid": SilentTwin
}


@dataclass
class ManyProviders:
    """``core.ports.Providers`` with a world for each."""

    folder: Path
    local: World = field(default_factory=World)
    worlds: dict[str, World] = field(default_factory=lambda: {name: World() for name in KINDS})
    opened: list[tuple[str, str]] = field(default_factory=list)
    """Provider and token of every adapter that was made."""

    def names(self) -> tuple[str, ...]:
        return (*KINDS, "swarm")

    def local_names(self) -> tuple[str, ...]:
        return ("swarm",)

    def kind(self, name: str) -> type[Provider]:
        return Swarm if name == "swarm" else KINDS[name]

    def open(self, name: str, credential: Credential | None, **_: Any) -> Provider:
        if name == "swarm":
            return Swarm(self.local, self.folder)
        assert credential is not None
        self.opened.append((name, credential.token.reveal()))
        return KINDS[name](self.worlds[name], credential)


class MovableClock(SystemClock):
    """Stands still until a test moves it, an hour ahead of what the database dates by itself."""

    def __init__(self) -> None:
        self.start = super().now() + timedelta(hours=1)
        self.ahead = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self.ahead


@dataclass
class Wide:
    """A house whose providers are many."""

    house: House
    providers: ManyProviders
    clock: MovableClock
    rules: CascadeRules = field(default_factory=CascadeRules)

    @property
    def cascade(self) -> CascadeService:
        return CascadeService(self.house.transactions, self.providers, self._probe(), self.clock, rules=self.rules)

    @property
    def recascade(self) -> RecascadeService:
        return RecascadeService(self.house.transactions, self.providers, self.clock, self.rules)

    @property
    def leftovers(self) -> LeftoverService:
        return LeftoverService(self.house.transactions, self.providers, self.clock, self.rules, settled=0, every=0)

    @property
    def simulate(self) -> SimulateService:
        return SimulateService(self.house.transactions, self.providers, self._probe(), rules=self.rules)

    @property
    def preferences(self) -> CascadePreferenceService:
        return CascadePreferenceService(self.house.transactions, self.providers)

    async def account(self, user: User, provider: str, label: str = "home", **fields: Any) -> Account:
        """An account whose token tells whose it is."""
        account = Account(uuid4(), user.id, provider, label, AccountState.OK, self.house.now(), **fields)
        sealed = self.house.vault.seal(token(user, provider), owner=str(user.id), kind=token_kind(provider, account.id))
        async with self.house.transactions() as tx:
            await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)
        return account

    async def prefer(self, user: User, **fields: Any) -> None:
        await self.preferences.set(user.id, CascadePreferences(**fields))

    async def placed(self, job: Job) -> Job:
        """The job after one run of the cascade."""
        await self.cascade.place(job.id, engines=True)
        return await self.house.read(job.id)

    async def look(self, seconds: float) -> None:
        """What the worker does after so many seconds: both looks, remote and local, and what they ask for."""
        for step in (0.0, seconds):
            self.clock.ahead += step
            for local in (False, True):
                await self.recascade.run(local=local)
        for local in (False, True):
            await self.leftovers.run(local=local)

    async def waiting_tasks(self, kind: str) -> list[UUID]:
        """Subjects of the waiting tasks of a kind that may run now."""
        async with self.house.database._engine.connect() as connection:
            rows = await connection.exec_driver_sql(
                "SELECT payload FROM tasks.pgqueuer WHERE entrypoint = $1 AND execute_after <= now()", (kind,)
            )
            return [UUID(bytes(row[0]).decode()) for row in rows]

    def _probe(self) -> AccountProbe:
        return AccountProbe(self.house.transactions, self.providers, self.clock)


def token(user: User, provider: str) -> str:
    """The token of a user's account at a provider in these tests."""
    return f"token-{user.name}-{provider}-1234567"
