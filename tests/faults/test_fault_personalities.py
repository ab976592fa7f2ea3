"""A thousand items while every provider shows its worst sides: nothing is deleted, failed or finished wrongly.

The personalities are those of real providers: 509, 503, 451 with two documents in one body, 404, 401, a listing that is
cut on the wire, one that is whole but half as long, one that is whole and empty. Each lasts for several looks, over
longer than the patience after which a missing transfer is given up.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from tests.db.samples import some_hash
from tests.faults.day import Day, DrivenClock, Sandbox
from tests.providers.suite.interposer import Interposer, Reply, Sent

from sluicegate.core.accounts import Account
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.magnets import parse_info_hash, render_magnet
from sluicegate.core.sources import SourceKind
from sluicegate.core.users import User
from sluicegate.db.database import Database
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.flights import Flights
from sluicegate.net.http import Http
from sluicegate.net.pacing import Pacing
from sluicegate.sandbox.server import SandboxServer
from sluicegate.services.sync import SyncService
from sluicegate.services.vault import AesVault
from sluicegate.wiring.paced import Pacer
from sluicegate.wiring.providers import remote_providers
from sluicegate.wiring.registry import ProviderRegistry

PROVIDERS = ("realdebrid", "alldebrid", "premiumize", "torbox", "debridlink")
EACH = 200
UNFINISHED = 40
MINUTES = 6.0
LOOKS = 3
"""Three looks, six minutes apart: longer than the ten minutes for which a missing transfer is looked for."""

Personality = Callable[["Library"], Awaitable[None]]


class Library:
    """A person with five accounts of two hundred items each, and a wire that can be bent."""

    def __init__(self, day: Day, wire: Interposer) -> None:
        self.day = day
        self.wire = wire
        pacer = Pacer(Pacing(day.ledger, day.clock, sleep=day.clock.advance), Flights())
        self.hurried = ProviderRegistry(remote_providers(day.http, sandbox=day.sandbox.url), {})
        bent = ProviderRegistry(remote_providers(day.http, sandbox=wire.url), {}, pacer)
        self.sync = SyncService(day.transactions, bent, day.clock)
        self.user: User
        self.accounts: list[Account]

    async def fill(self) -> None:
        """Hands everything in at the providers, and waits until most of it is ready."""
        await self.day.sandbox.tell("limits", provider="*", enabled=False)
        self.user, self.accounts = await self.day.user("ann", PROVIDERS)
        jobs = []
        for account in self.accounts:
            async with self.day.transactions() as tx:
                credential = await tx.accounts.credential(account.id)
            async with self.hurried.open(account.provider, credential) as adapter:
                for number in range(EACH):
                    info_hash = some_hash(f"{account.provider} {number}")
                    if number < UNFINISHED:
                        await self.day.sandbox.tell(
                            "content", info_hash=info_hash, name=info_hash, seconds_to_ready=50_000,
                            files=[{"path": "film.mkv", "size": 1000}],
                        )  # fmt: skip
                    magnet = parse_info_hash(info_hash)
                    taken = await adapter.submit_magnet(magnet)
                    jobs.append(self._job(account, info_hash, render_magnet(magnet), taken.transfer_id))
        async with self.day.transactions() as tx:
            for job in jobs:
                await tx.jobs.add(job)
        hurried = SyncService(self.day.transactions, self.hurried, self.day.clock)
        for _ in range(2):
            await self.day.clock.advance(60)
            for account in self.accounts:
                await hurried.run(account.provider, account.id)

    def _job(self, account: Account, info_hash: str, uri: str, transfer_id: str) -> Job:
        now = self.day.clock.now()
        return Job(
            uuid4(), self.user.id, info_hash, SourceKind.TORRENT, uri, JobState.QUEUED, now, now,
            provider=account.provider, account_id=account.id, transfer_id=transfer_id,
        )  # fmt: skip

    async def look(self) -> None:
        """One look at every account, as its task would."""
        for account in self.accounts:
            await self.sync.run(account.provider, account.id, now=True)

    async def looks(self, *, minutes: float = MINUTES) -> None:
        """Several looks, with time in between."""
        for _ in range(LOOKS):
            await self.look()
            await self.day.clock.advance(minutes * 60)

    async def jobs(self) -> dict[str, Job]:
        async with self.day.transactions() as tx:
            found = [await tx.jobs.page(self.user.id, limit=1000, offset=0)]
        return {job.info_hash: job for page in found for job in page}

    async def fault(self, fault: str, status: int = 0) -> None:
        """Every call of every provider goes wrong like this until it is taken back."""
        for provider in PROVIDERS:
            await self.day.sandbox.tell("faults", provider=provider, fault=fault, status=status, times=10_000)

    async def mend(self) -> None:
        """All is well again; a person renews what only a person can."""
        await self.day.calm(PROVIDERS)
        self.wire.renew()
        await self.day.mend()


def shortened(keep: Callable[[int], int]) -> Callable[[Sent, Reply], Reply]:
    """Lists of transfers become shorter, in an answer that is whole and well formed; single transfers stay."""

    def alter(sent: Sent, reply: Reply) -> Reply:
        listing = ("/torrents", "/magnet/status", "/transfer/list", "/mylist", "/seedbox/list")
        if not sent.path.endswith(listing) or {"id", "ids"} & (sent.query.keys() | sent.form.keys()):
            return reply
        document = reply.document
        if isinstance(document, list):
            return reply.with_json(document[: keep(len(document))])
        _shorten(document, keep)
        return reply.with_json(document)

    return alter


def _shorten(document: Any, keep: Callable[[int], int]) -> None:
    for name, value in document.items() if isinstance(document, dict) else ():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            document[name] = value[: keep(len(value))]
        else:
            _shorten(value, keep)


def two_documents(sent: Sent, reply: Reply) -> Reply:
    """Real-Debrid's 451: two JSON objects in one body."""
    del sent
    refusal = json.dumps({"error": "infringing_file", "error_code": 35}).encode()
    return reply.with_body(refusal + refusal, 451)


def of_the_sandbox(fault: str, status: int = 0) -> Personality:
    return lambda library: library.fault(fault, status)


def of_the_wire(alter: Callable[[Sent, Reply], Reply]) -> Personality:
    async def bend(library: Library) -> None:
        library.wire.alter = alter

    return bend


PERSONALITIES: dict[str, Personality] = {
    "509": of_the_sandbox("slots_full", 509),
    "503": of_the_sandbox("server_error", 503),
    "451": of_the_wire(two_documents),
    "404": of_the_sandbox("gone", 404),
    "404 page": of_the_wire(lambda _, reply: reply.with_body(b"<html>not here</html>", 404)),
    "401": of_the_sandbox("bad_token", 401),
    "cut listing": of_the_sandbox("cut"),
    "half a listing": of_the_wire(shortened(lambda count: count // 2)),
    "empty listing": of_the_wire(shortened(lambda count: 0)),
}


@pytest.fixture
async def library(database: Database, vault: AesVault) -> AsyncIterator[Library]:
    egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
    http = Http(egress)
    async with SandboxServer() as server, aiohttp.ClientSession() as session, Interposer(server.url) as wire:
        sandbox = Sandbox(server.url, session)
        clock = DrivenClock(sandbox)
        await clock.stop()
        filled = Library(Day(sandbox, clock, database, vault, http), wire)
        await filled.fill()
        yield filled
        await http.aclose()
        egress.close()


@pytest.mark.timeout(900)
async def test_a_thousand_items_survive_every_personality(library: Library):
    before = await library.jobs()
    assert len(before) == EACH * len(PROVIDERS)
    assert sum(job.state is JobState.READY for job in before.values()) == (EACH - UNFINISHED) * len(PROVIDERS)
    for name, personality in PERSONALITIES.items():
        await personality(library)
        await library.looks()
        await library.mend()
        await library.day.clock.advance(60)
        assert _wrong(before, await library.jobs()) == [], name
    for _ in range(10):
        # Some providers work on a few at a time only.
        await library.day.clock.advance(60_000)
        await library.look()
    after = (await library.jobs()).values()
    left = [(job.provider, job.state, job.waiting) for job in after if job.state is not JobState.READY or job.missing]
    assert left == []
    calls = (await library.day.sandbox.ask("calls"))["items"]
    assert not [call for call in calls if call["method"] == "DELETE" or "delete" in call["path"].lower()]
    for account in library.accounts:
        assert len(await library.day.truth(account)) == EACH


def _wrong(before: dict[str, Job], after: dict[str, Job]) -> list[Any]:
    """Jobs that are gone, ended, finished or moved by what was none of their business."""
    lost = [job.info_hash for job in before.values() if job.info_hash not in after]
    return lost + [
        (old.provider, old.state, new.state, new.waiting, new.error)
        for old, new in ((old, after[old.info_hash]) for old in before.values() if old.info_hash in after)
        if new.state.over is not old.state.over or new.transfer_id != old.transfer_id or new.progress < old.progress
    ]
