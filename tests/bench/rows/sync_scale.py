"""Sync of 100, 1,000 and 10,000 jobs in flight: what it asks of the providers, and whether it keeps its time."""

import asyncio
import contextlib
import itertools
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import data_folder

from sluicegate.core.accounts import Account, AccountState, Credential, token_kind
from sluicegate.core.clock import SystemClock
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.magnets import parse_info_hash, render_magnet
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import SourceKind
from sluicegate.core.tasks import Handler
from sluicegate.core.users import User
from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.flights import Flights
from sluicegate.net.http import Http
from sluicegate.net.pacing import Pacing
from sluicegate.services.sync import SyncService
from sluicegate.services.task_kinds import SYNC, sync_task
from sluicegate.services.vault import AesVault
from sluicegate.tasks import sync as sync_tasks
from sluicegate.wiring.paced import Pacer
from sluicegate.wiring.providers import remote_providers
from sluicegate.wiring.registry import ProviderRegistry

_PROVIDER = "alldebrid"
_ACCOUNTS = 100
_WARM_SECONDS = 20.0
_SECONDS = 60.0
_COMMAND = str(Path(sys.executable).parent / "sluicegate")


@dataclass(frozen=True)
class _Stage:
    """One size: the sandbox in a process of its own, and everything of ours in this one."""

    jobs: int
    accounts: int
    sandbox: str
    session: aiohttp.ClientSession
    database: Database
    sync: SyncService


def _side(jobs: int, accounts: int) -> object:
    @contextlib.contextmanager
    def side() -> Iterator[Measure]:
        # The run that does not count would take minutes; each run warms itself.
        runs = itertools.count()
        yield lambda: asyncio.run(_run(jobs, accounts)) if next(runs) else {}

    return side


async def _run(jobs: int, accounts: int) -> Mapping[str, float]:
    async with _stage(jobs, accounts) as stage:
        handlers: dict[str, Handler] = sync_tasks.handlers(stage.sync, engines=False)
        worker = stage.database.worker({SYNC: handlers[SYNC]})
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(_WARM_SECONDS)
        since, spent, changes = await _world_time(stage), time.process_time(), await _changes(stage)
        await asyncio.sleep(_SECONDS)
        spent = time.process_time() - spent
        changes = await _changes(stage) - changes
        calls = [call for call in await _calls(stage) if call["at"] >= since]
        worker.stop()
        await running
    looks = defaultdict(list)
    for call in calls:
        looks[call["token"]].append(call["at"])
    gaps = [later - sooner for times in looks.values() for sooner, later in itertools.pairwise(times)]
    return {
        "calls per minute": len(calls) * 60 / _SECONDS,
        "calls per account and minute": len(calls) * 60 / _SECONDS / accounts,
        "accounts looked at": float(len(looks)),
        "time between looks": statistics.median(gaps),
        "longest time between looks": max(gaps),
        "changes of jobs per minute": changes * 60 / _SECONDS,
        "processor": spent / _SECONDS * 100,
    }


@contextlib.asynccontextmanager
async def _stage(jobs: int, accounts: int) -> AsyncIterator[_Stage]:
    with data_folder() as data, _sandbox() as url:
        data.mkdir(parents=True, mode=0o755)
        clock, vault = SystemClock(), AesVault(bytes(range(32)))
        egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
        http = Http(egress)
        async with (
            EmbeddedPostgres(data / "postgres") as postgres,
            open_at(Connector(embedded=postgres), vault) as found,
        ):
            pacer = Pacer(Pacing(found.ledger(), clock), Flights())
            providers = ProviderRegistry(remote_providers(http, sandbox=url), {}, pacer)
            session = aiohttp.ClientSession()
            stage = _Stage(jobs, accounts, url, session, found, SyncService(found.transactions, providers, clock))
            try:
                await _fill(stage, vault, ProviderRegistry(remote_providers(http, sandbox=url), {}))
                yield stage
            finally:
                await session.close()
                await http.aclose()
                egress.close()


async def _fill(stage: _Stage, vault: AesVault, providers: ProviderRegistry) -> None:
    """Users with one account each, and as many slow downloads at each as it takes."""
    await _tell(stage, "limits", provider="*", enabled=False)
    each = stage.jobs // stage.accounts
    for number in range(stage.accounts):
        now = datetime.now(UTC)
        user, token = User(uuid4(), f"user {number}", now), f"sandbox-u{number:04d}"
        account = Account(uuid4(), user.id, _PROVIDER, "main", AccountState.OK, now)
        sealed = vault.seal(token, owner=str(user.id), kind=token_kind(_PROVIDER, account.id))
        hashes = [f"{number + 1:08x}{index:032x}" for index in range(each)]
        async with providers.open(_PROVIDER, Credential(str(account.id), Secret(token))) as adapter:
            placed = []
            for info_hash in hashes:
                await _tell(
                    stage, "content", info_hash=info_hash, name=info_hash, seconds_to_ready=5_000,
                    files=[{"path": "film.mkv", "size": 2_000_000_000}],
                )  # fmt: skip
                taken = await adapter.submit_magnet(parse_info_hash(info_hash))
                placed.append(_job(user.id, account.id, info_hash, taken.transfer_id))
        async with stage.database.transactions() as tx:
            await tx.users.add(user)
            await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)
            for job in placed:
                await tx.jobs.add(job)
            await tx.tasks.add(sync_task(_PROVIDER, account.id))
    # Past the queue and the metadata: from here on every look finds every job further on.
    await _tell(stage, "clock", advance_seconds=1_500)


def _job(user_id: UUID, account_id: UUID, info_hash: str, transfer_id: str) -> Job:
    now = datetime.now(UTC)
    uri = render_magnet(parse_info_hash(info_hash))
    return Job(
        uuid4(), user_id, info_hash, SourceKind.TORRENT, uri, JobState.QUEUED, now, now,
        provider=_PROVIDER, account_id=account_id, transfer_id=transfer_id,
    )  # fmt: skip


@contextlib.contextmanager
def _sandbox() -> Iterator[str]:
    process = subprocess.Popen([_COMMAND, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


async def _tell(stage: _Stage, control: str, **body: object) -> None:
    async with stage.session.post(f"{stage.sandbox}/_control/{control}", json=body) as answer:
        answer.raise_for_status()


async def _calls(stage: _Stage) -> list[dict[str, object]]:
    async with stage.session.get(f"{stage.sandbox}/_control/calls?provider={_PROVIDER}") as answer:
        return (await answer.json())["items"]


async def _changes(stage: _Stage) -> int:
    """How often any job was written so far."""
    async with stage.database.transactions() as tx:
        return sum(job.version for job in await tx.jobs.unfinished(limit=1000)) * max(1, stage.jobs // 1000)


async def _world_time(stage: _Stage) -> float:
    async with stage.session.get(f"{stage.sandbox}/_control/clock") as answer:
        return float((await answer.json())["now"])


ROW = Row(
    name="sync of jobs in flight over 100 accounts",
    how=f"one worker in this process with the embedded database, the sandbox in a process of its own; {_SECONDS:.0f} s "
    f"after {_WARM_SECONDS:.0f} s of warming; every job downloads and changes at every look; calls and times are those "
    "that the sandbox saw; processor is this process's share of one",
    metrics=(
        Metric("calls per minute", "calls"),
        Metric(
            "calls per account and minute",
            "calls",
            "the same with 100 times the jobs",
            lambda medians, _: max(medians.values()) < 1.5 * min(medians.values()),
        ),
        Metric("accounts looked at", "accounts"),
        Metric("time between looks", "s"),
        Metric(
            "longest time between looks", "s", "under 30 s", lambda medians, _: all(v < 30 for v in medians.values())
        ),
        Metric("changes of jobs per minute", "changes"),
        Metric("processor", "%"),
    ),
    sides={
        "100 jobs": _side(100, _ACCOUNTS),
        "1,000 jobs": _side(1_000, _ACCOUNTS),
        "10,000 jobs": _side(10_000, _ACCOUNTS),
    },
    rounds=1,
    compares=False,
)
