"""An hour of six accounts with 200 jobs and faults all over: nothing is lost, doubled, removed or overspent.

What the provider may be asked is written down here once more, from the providers' own documentation, and read off the
sandbox's tap: a wrong figure in a manifest shows.
"""

import contextlib
import random
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.faults.day import Day, DrivenClock, Sandbox

from sluicegate.core.errors import UpstreamError
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.pacing import Priority
from sluicegate.db.database import Database
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.http import Http
from sluicegate.sandbox.server import SandboxServer
from sluicegate.services.vault import AesVault

HOUR = 3600.0
JOBS = 200
SEED = 20261122
OWNERS = {"ann": ("realdebrid", "premiumize", "debridlink"), "ben": ("torbox", "alldebrid", "smokedebrid")}
PROVIDERS = tuple(provider for owned in OWNERS.values() for provider in owned)

PUBLISHED: tuple[tuple[str, str, int, float], ...] = (
    ("realdebrid", r".*", 250, 60),
    ("realdebrid", r".*/torrents/(addMagnet|addTorrent|selectFiles/.*)", 22, 10),
    ("alldebrid", r".*", 12, 1),
    ("alldebrid", r".*", 600, 60),
    ("torbox", r".*", 300, 60),
    ("torbox", r".*/createtorrent", 60, 3600),
    ("debridlink", r".*", 3600, 180),
    ("smokedebrid", r".*", 1200, 60),
)
"""Provider, paths that are counted together, calls, seconds."""

REST_SECONDS = 30.0
"""The least rest after Debrid-Link said that the day's torrents or its slots are used up (it tells no time). Its 50
torrents a day count what is not stored there yet, which nobody knows before: what can be promised is to leave it alone
once it has said so."""
UNDER_WAY_SECONDS = 5.0
"""Adds that were under way together with the refused one may still arrive."""

TAKES_AWAY = re.compile(r"(?i)delete|remove|control|clear")


@pytest.fixture
async def day(database: Database, vault: AesVault) -> AsyncIterator[Day]:
    egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
    http = Http(egress)
    async with SandboxServer() as server, aiohttp.ClientSession() as session:
        sandbox = Sandbox(server.url, session)
        clock = DrivenClock(sandbox)
        await clock.stop()
        yield Day(sandbox, clock, database, vault, http)
        await http.aclose()
        egress.close()


@pytest.mark.timeout(900)
async def test_an_hour_of_faults(day: Day):
    dice = random.Random(SEED)
    start = day.clock.time
    owners = [await day.user(name, owned) for name, owned in OWNERS.items()]
    doomed = set()
    for number in range(JOBS):
        info_hash = f"{dice.getrandbits(160):040x}"
        dies = dice.random() < 0.04
        doomed |= {info_hash} if dies else set()
        await day.sandbox.tell(
            "content", info_hash=info_hash, name=f"Film {number}", seconds_to_ready=dice.uniform(5, 400), dies=dies,
            files=[{"path": f"part {n}.mkv", "size": 1000 + n} for n in range(dice.randint(1, 4))],
            cached_on=[] if dies else [name for name in PROVIDERS if dice.random() < 0.15],
        )  # fmt: skip
        owner, _ = owners[number % 2]
        # All at once and in a few bursts: without the ledger the published limits would not hold.
        burst = start + dice.randrange(4) * HOUR / 8
        day.people.append((burst, lambda owner=owner, h=info_hash: day.job(owner, h)))
    for _ in range(200):
        day.people.append((start + dice.uniform(0, HOUR), lambda: day.misfortune(dice, PROVIDERS)))
    for quarter in range(4):
        # The day's torrents of one provider are used up whenever many want them.
        day.people.insert(0, (start + quarter * HOUR / 8, lambda: _no_torrents_left(day)))
    for minute in range(0, 60, 3):
        day.people.append((start + minute * 60, lambda: _play_something(day, dice)))

    await day.run(start + HOUR)
    await day.calm(PROVIDERS)
    for _ in range(12):
        await day.mend()
        if all(job.info_hash in doomed for job in await _unfinished(day)):
            break
        await day.run(day.clock.time + 600)

    jobs = await _jobs(day, [user.id for user, _ in owners])
    assert len(jobs) == JOBS
    # Content that dies everywhere ends as failed, or still waits for the last provider that might have it.
    wrong = [job for job in jobs if (job.state is JobState.READY) is (job.info_hash in doomed)]
    wrong += [job for job in jobs if job.state is JobState.FAILED and job.info_hash not in doomed]
    assert not wrong, [(job.state, job.provider, job.waiting, job.error) for job in wrong]
    await _nothing_doubled_or_removed(day, jobs, [account for _, accounts in owners for account in accounts])
    calls = (await day.sandbox.ask("calls"))["items"]
    _nothing_overspent(calls)
    _left_alone_after_a_refusal(calls, [at for provider, at in day.woken if provider == "debridlink"])


async def _nothing_doubled_or_removed(day: Day, jobs: list[Job], accounts: list[Any]) -> None:
    held: dict[tuple[str, str], list[str]] = {}
    for account in accounts:
        rows = await day.truth(account)
        hashes = [row["info_hash"] for row in rows]
        assert len(hashes) == len(set(hashes)), f"{account.provider} holds a hash twice"
        held |= {(account.provider, row["info_hash"]): row["state"] for row in rows}
    for job in jobs:
        if job.state is JobState.READY:
            assert (job.provider, job.info_hash) in held, "the transfer that a job points at was removed"
    calls = (await day.sandbox.ask("calls"))["items"]
    assert not [call for call in calls if call["method"] == "DELETE" or TAKES_AWAY.search(call["path"])]


def _nothing_overspent(calls: list[dict[str, Any]]) -> None:
    assert len(calls) > 2000
    for provider, paths, most, seconds in PUBLISHED:
        pattern = re.compile(paths)
        times = [call["at"] for call in calls if call["provider"] == provider and pattern.fullmatch(call["path"])]
        windows = zip(times, times[most:], strict=False)
        over = [last - first for first, last in windows if last - first < seconds]
        assert not over, f"{provider}: more than {most} calls of {paths} in {seconds} s, {len(over)} times"


async def _no_torrents_left(day: Day) -> None:
    await day.sandbox.tell("faults", provider="debridlink", call="POST */seedbox/add", fault="quota")


def _left_alone_after_a_refusal(calls: list[dict[str, Any]], woken: list[float]) -> None:
    adds = [call for call in calls if call["provider"] == "debridlink" and call["path"].endswith("/seedbox/add")]
    refused = [call["at"] for call in adds if call["status"] == 400]
    assert len(refused) >= 2, "the quota was hardly ever met"
    early = [
        (at, call["at"])
        for at in refused
        for call in adds
        if UNDER_WAY_SECONDS < call["at"] - at < REST_SECONDS and not any(at < moment <= call["at"] for moment in woken)
    ]
    assert not early, f"debridlink: {len(early)} adds while its torrents rest, the first at {early[0]}"


async def _jobs(day: Day, users: list[Any]) -> list[Job]:
    async with day.transactions() as tx:
        return [job for user in users for job in await tx.jobs.page(user, limit=1000, offset=0)]


async def _unfinished(day: Day) -> list[Job]:
    async with day.transactions() as tx:
        return await tx.jobs.unfinished(limit=1000)


async def _play_something(day: Day, dice: random.Random) -> None:
    """Asks for a link of a ready job, as a player does; a fault may strike, nothing else may."""
    async with day.transactions() as tx:
        users = await tx.users.page(limit=10, offset=0)
        ready = [job for user in users for job in await tx.jobs.page(user.id, limit=100, offset=0) if job.account_id]
        ready = [job for job in ready if job.state is JobState.READY]
        if not ready:
            return
        job = dice.choice(ready)
        (file, *_) = await tx.files.page(job.id)
        assert job.account_id
        credential = await tx.accounts.credential(job.account_id)
    async with day.providers.open(job.provider, credential, priority=Priority.PLAY) as provider:
        with contextlib.suppress(UpstreamError):
            assert (await provider.link(file.locator or "")).url
