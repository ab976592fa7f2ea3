"""A day in the sandbox: real services, real adapters and a real database, on a clock that is driven.

Our pacing and the sandbox's limits must live on one clock, and it must not run while calls are on their way: an hour
would otherwise depend on how busy the machine is. So both stand still (the sandbox at rate 0) while a batch of tasks
runs, and are moved together to the next moment at which anything is due. Who waits for a turn moves them too.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aiohttp

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.jobs import Job
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.secrets import Secret
from sluicegate.core.users import User
from sluicegate.db.database import Database
from sluicegate.net.flights import Flights
from sluicegate.net.http import Http
from sluicegate.net.pacing import Pacing
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.accounts import AccountService, NewAccount
from sluicegate.services.cascade import CascadeService
from sluicegate.services.submit import SubmitService
from sluicegate.services.sync import SyncService
from sluicegate.services.vault import AesVault
from sluicegate.wiring.paced import Pacer
from sluicegate.wiring.providers import remote_providers
from sluicegate.wiring.registry import ProviderRegistry

AT_ONCE = 12
SWEEP_SECONDS = 30.0
STEP_SECONDS = 2.0
"""The clock moves at least so far, so that tasks come in bursts."""
FAULTS = (
    "slow", "hang", "reset", "cut", "html", "doubled", "rate_limited", "server_error", "quota", "slots_full",
    "bad_token", "gone",
)  # fmt: skip


@dataclass
class Sandbox:
    """The sandbox's control calls."""

    url: str
    session: aiohttp.ClientSession

    async def tell(self, control: str, /, **body: Any) -> dict[str, Any]:
        """One POST."""
        async with self.session.post(f"{self.url}/_control/{control}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()  # type: ignore[no-any-return]

    async def ask(self, call: str) -> dict[str, Any]:
        """One GET."""
        async with self.session.get(f"{self.url}/_control/{call}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()  # type: ignore[no-any-return]


class DrivenClock:
    """The world's time for everybody in this process."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.time = 0.0

    async def stop(self) -> None:
        """Takes over: from here on time moves only when it is told to."""
        await self._sandbox.tell("clock", rate=0)
        answer = await self._sandbox.ask("clock")
        self.time = float(answer["now"])

    async def advance(self, seconds: float) -> None:
        """Moves the sandbox first: our windows may be longer than its, never shorter."""
        await self._sandbox.tell("clock", advance_seconds=seconds)
        self.time += seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        return self.time


@dataclass
class Day:
    """The services of one installation and the tasks that its workers would have."""

    sandbox: Sandbox
    clock: DrivenClock
    database: Database
    vault: AesVault
    http: Http
    due: dict[tuple[str, ...], float] = field(default_factory=dict)
    people: list[tuple[float, Callable[[], Awaitable[object]]]] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    woken: list[tuple[str, float]] = field(default_factory=list)
    """Providers whose account was renewed, and when: what rested may be asked again from there on."""
    _sweep_at: float = 0.0

    def __post_init__(self) -> None:
        self.transactions = self.database.transactions
        self.ledger = self.database.ledger(self.clock, hold=120)
        pacer = Pacer(Pacing(self.ledger, self.clock, sleep=self.clock.advance), Flights())
        self.providers = ProviderRegistry(remote_providers(self.http, sandbox=self.sandbox.url), {}, pacer)
        probe = AccountProbe(self.transactions, self.providers, self.clock)
        self.submit = SubmitService(self.transactions, self.database.changes, self.clock)
        self.cascade = CascadeService(self.transactions, self.providers, probe, self.clock)
        self.sync = SyncService(self.transactions, self.providers, self.clock)
        self.accounts = AccountService(
            self.transactions, self.providers, self.vault, self.ledger, self.clock, _any_address
        )

    async def user(self, name: str, providers: Iterable[str]) -> tuple[User, list[Account]]:
        """A person with an account at each of these providers."""
        user = User(uuid4(), name, self.clock.now())
        async with self.transactions() as tx:
            await tx.users.add(user)
        tokens = [NewAccount(provider, Secret(f"sandbox-{name}-{provider}")) for provider in providers]
        return user, [await self.accounts.add(user.id, new) for new in tokens]

    async def job(self, user: User, info_hash: str) -> Job:
        """Hands a hash in."""
        job, _ = await self.submit.submit(user.id, parse_info_hash(info_hash), patience=0)
        self.due["place", str(job.id)] = self.clock.time
        return job

    async def run(self, until: float) -> None:
        """Runs every task that becomes due until then, or until there is nothing left to do."""
        while self.clock.time < until:
            if self._sweep_at <= self.clock.time:
                await self.sweep()
            moment = min([*self.due.values(), *(at for at, _ in self.people)], default=until)
            if moment > self.clock.time:
                await self.clock.advance(min(max(moment - self.clock.time, STEP_SECONDS), until - self.clock.time))
            await self._act()
            await self._work()

    async def sweep(self) -> None:
        """Makes sure that every unfinished job has its task, as the sweep of the worker does."""
        async with self.transactions() as tx:
            jobs = await tx.jobs.unfinished(limit=1000)
        self._sweep_at = self.clock.time + SWEEP_SECONDS
        for job in jobs:
            key = ("sync", job.provider, str(job.account_id)) if job.transfer_id else ("place", str(job.id))
            self.due.setdefault(key, self.clock.time)

    async def _act(self) -> None:
        """What people do."""
        ready = [act for at, act in self.people if at <= self.clock.time]
        self.people = [(at, act) for at, act in self.people if at > self.clock.time]
        for act in ready:
            await act()

    async def _work(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        tasks = [key for key, at in self.due.items() if at <= self.clock.time]

        async def one(key: tuple[str, ...]) -> None:
            async with gate:
                again = await self._task(key)
            self.runs[key[0]] += 1
            if again is None and key[0] == "place":
                del self.due[key]
                self._sweep_at = self.clock.time
            else:
                self.due[key] = self.clock.time + (SWEEP_SECONDS if again is None else again)

        await asyncio.gather(*(one(key) for key in tasks))

    async def _task(self, key: tuple[str, ...]) -> float | None:
        if key[0] == "place":
            return await self.cascade.place(UUID(key[1]), engines=False)
        return await self.sync.run(key[1], UUID(key[2]))

    async def misfortune(self, dice: random.Random, providers: Iterable[str]) -> None:
        """Orders one fault somewhere; a person mends what only a person can, two minutes later."""
        fault, provider = dice.choice(FAULTS), dice.choice(list(providers))
        seconds = {"slow": 0.02, "hang": 0.02, "rate_limited": dice.choice([0, 45])}.get(fault, 0)
        # Debrid-Link's quota and slots are told by status 400; what is gone must not look like them on the tap.
        status = 404 if (provider, fault) == ("debridlink", "gone") else 0
        await self.sandbox.tell("faults", provider=provider, call="*", fault=fault, seconds=seconds, status=status)
        self.people.append((self.clock.time + 120, self.mend))

    async def calm(self, providers: Iterable[str]) -> None:
        """No fault is left waiting for its call."""
        for provider in providers:
            for fault in FAULTS:
                await self.sandbox.tell("faults", provider=provider, call="*", fault=fault, times=0)

    async def mend(self) -> None:
        """A person looks at the accounts and renews those that are paused."""
        async with self.transactions() as tx:
            accounts = [
                one for user in await tx.users.page(limit=100, offset=0) for one in await tx.accounts.page(user.id)
            ]
        for account in accounts:
            if account.state is AccountState.PAUSED:
                self.woken.append((account.provider, self.clock.time))
                await self.accounts.rotate(
                    account.id, Secret(f"sandbox-{await self._owner(account)}-{account.provider}"), check=False
                )

    async def _owner(self, account: Account) -> str:
        async with self.transactions() as tx:
            return (await tx.users.get(account.user_id)).name

    async def truth(self, account: Account) -> list[dict[str, Any]]:
        """What the sandbox holds for an account."""
        token = f"sandbox-{await self._owner(account)}-{account.provider}"
        answer = await self.sandbox.ask(f"transfers?provider={account.provider}&token={token}")
        return answer["items"]  # type: ignore[no-any-return]


async def _any_address(url: str) -> None:
    del url
