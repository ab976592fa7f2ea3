"""Turns that are granted ahead of time: never more calls than a limit allows, and none once an account has to rest."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.clocks import DrivenClock

from sluicegate.core.errors import HeldBack, UpstreamError, UpstreamRateLimited
from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import Allowance, Priority, Turn
from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.db.ledger import DatabaseLedger
from sluicegate.net import pacing, turns_ahead
from sluicegate.net.pacing import Pacing
from sluicegate.net.turns_ahead import AHEAD_SECONDS
from sluicegate.services.vault import AesVault

MANY = CallLimit("*", 160, 60)


class Counted:
    """The ledger, and how often it was asked; ``meanwhile`` happens before its answer arrives."""

    def __init__(self, ledger: DatabaseLedger) -> None:
        self.ledger = ledger
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self.settled: list[int] = []
        for name in ("rest", "wake", "limits", "outlooks", "rests"):
            setattr(self, name, getattr(ledger, name))

    async def take(
        self, account: str, calls: str, allowances: Sequence[Allowance], *, ended: Sequence[int], ahead: int = 0
    ) -> Turn:
        self.asked += 1
        turn = await self.ledger.take(account, calls, allowances, ended=ended, ahead=ahead)
        self.meanwhile()
        return turn

    async def settle(self, *, ended: Sequence[int], unused: Sequence[int]) -> None:
        await self.ledger.settle(ended=ended, unused=unused)
        self.settled += ended


class Process:
    """One process of an installation: its pacing, which asks the ledger."""

    def __init__(self, database: Database, clock: DrivenClock) -> None:
        self.database = database
        self.ledger = Counted(database.ledger(clock))
        self.pacing = Pacing(self.ledger, clock)

    def running(self):
        return self.pacing.running(self.database.rest_changes)

    async def call(
        self,
        account: str,
        *limits: CallLimit,
        calls: str = "link",
        priority: Priority = Priority.PLAY,
        error: UpstreamError | None = None,
    ) -> None:
        async with self.pacing.turn(account, limits or (MANY,), calls=calls, priority=priority):
            if error is not None:
                raise error

    async def withdrawn(self, times: int) -> None:
        async with asyncio.timeout(30):
            while self.pacing._ahead.withdrawn < times:
                await asyncio.sleep(0.01)

    async def used(self, account: str, limit: CallLimit = MANY) -> int:
        (state,) = await self.ledger.ledger.limits(account, [limit])
        return state.used


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def process(database: Database, clock: DrivenClock) -> Process:
    return Process(database, clock)


@pytest.fixture
def account() -> str:
    return str(uuid4())


async def test_a_few_calls_ask_once_and_each_is_counted(process: Process, account: str):
    async with process.running():
        for _ in range(27):
            await process.call(account)
        assert process.ledger.asked == 3, "one in nine asks"
        await process.call(account)
        assert await process.used(account) == 36, "those to come count already"
    assert await process.used(account) == 28, "those that nobody used do not count"


async def test_whoever_is_not_told_of_rests_asks_each_time(process: Process, account: str):
    for _ in range(5):
        await process.call(account)
    assert process.ledger.asked == 5
    assert await process.used(account) == 5


async def test_only_calls_that_a_person_waits_for_are_granted_ahead(process: Process, account: str):
    async with process.running():
        for priority in (Priority.SYNC, Priority.BACKGROUND):
            for _ in range(3):
                await process.call(account, priority=priority)
        assert process.ledger.asked == 6
        await process.call(account)
        await process.call(account, priority=Priority.SYNC)
        assert process.ledger.asked == 8, "what is kept for people is for them"
        links = CallLimit("link", 160, 60)  # of which all priorities may use all
        await process.call(account, links)
        await process.call(account, links, priority=Priority.SYNC)
        assert process.ledger.asked == 10


async def test_what_was_granted_within_other_limits_is_not_used(process: Process, account: str):
    async with process.running():
        await process.call(account)
        await process.call(account, MANY, CallLimit("link", 200, 60))
        assert process.ledger.asked == 2


async def test_no_more_are_kept_than_there_is_room_for(process: Process, account: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(turns_ahead, "_CLASSES_MOST", 2)
    async with process.running():
        for calls in ("link", "get", "list", "list", "link", "get"):
            await process.call(account, calls=calls)
        assert process.ledger.asked == 4


async def test_classes_of_calls_and_accounts_keep_their_own(process: Process, account: str):
    async with process.running():
        await process.call(account)
        await process.call(account, calls="get")
        await process.call(str(uuid4()))
        assert process.ledger.asked == 3


async def test_from_half_of_a_limit_on_each_call_asks(process: Process, account: str):
    """Also of a limit of another class that the call belongs to, and to the very end of it."""
    limit = CallLimit("link unlock", 32, 600)
    async with process.running():
        for _ in range(32):
            await process.call(account, MANY, limit)
        asked = process.ledger.asked
        assert asked == 16 // 3 + 1 + (32 - 18), "three at a time until half, then each"
        with pytest.raises(HeldBack):
            await process.call(account, MANY, limit)
        assert await process.used(account, limit) == 32


async def test_a_small_limit_has_none_to_spare(process: Process, account: str):
    async with process.running():
        for _ in range(3):
            await process.call(account, CallLimit("*", 15, 60))
        assert process.ledger.asked == 3


async def test_processes_that_take_ahead_never_exceed_a_limit(connector: Connector, clock: DrivenClock, account: str):
    limit = CallLimit("*", 64, 600)
    async with AsyncExitStack() as stack:
        processes = []
        for _ in range(3):
            database = await stack.enter_async_context(open_at(connector, AesVault(bytes(32)), pool_size=2))
            processes.append(Process(database, clock))
            await stack.enter_async_context(processes[-1].running())
        made = 0

        async def caller(process: Process) -> None:
            nonlocal made
            for _ in range(10):
                try:
                    await process.call(account, limit)
                except HeldBack:
                    continue
                made += 1

        await asyncio.gather(*(caller(process) for process in processes for _ in range(4)))
        assert made <= 64
        assert await processes[0].used(account, limit) <= 64
        assert sum(process.ledger.asked for process in processes) < 120, "none was taken ahead"
    assert made >= 64 - 3 * 2 * 4, "what the processes kept from each other is more than they may keep"


async def test_one_that_lies_too_long_is_given_back(process: Process, clock: DrivenClock, account: str):
    async with process.running():
        await process.call(account)
        clock.advance(AHEAD_SECONDS + 0.1)
        await process.call(account)
        assert process.ledger.asked == 2
    assert await process.used(account) == 2


async def test_after_a_refusal_nobody_calls_with_what_was_granted_before(
    connector: Connector, process: Process, clock: DrivenClock, account: str
):
    async with open_at(connector, AesVault(bytes(32)), pool_size=2) as database, process.running():
        other = Process(database, clock)
        await process.call(account)
        await process.call(account)
        with pytest.raises(UpstreamRateLimited):
            await other.call(account, error=UpstreamRateLimited("Slow down.", provider="x", retry_after=60))
        await process.withdrawn(2)  # the first when it began to listen
        with pytest.raises(HeldBack, match=r"Slow down\."):
            await process.call(account)
        assert process.ledger.asked == 2, "seven were kept"
        await process.ledger.ledger.wake(account)
        await process.call(account)
    assert await process.used(account) == 2 + 1 + 1


async def test_calls_of_an_account_that_asks_no_more_are_told_after_a_while(
    process: Process, clock: DrivenClock, account: str, monkeypatch: pytest.MonkeyPatch
):
    """In pieces: a statement for all that ended in a busy second would keep everybody waiting for it."""
    monkeypatch.setattr(pacing, "_SETTLE_EVERY", 0.01)
    monkeypatch.setattr(pacing, "_SETTLE_BATCH", 2)
    async with process.running():
        for _ in range(5):
            await process.call(account)
        clock.advance(14)
        await asyncio.sleep(0.1)
        assert process.ledger.settled == []
        clock.advance(1)
        async with asyncio.timeout(30):
            while len(process.ledger.settled) < 5:
                await asyncio.sleep(0.01)
    (state,) = await process.ledger.ledger.limits(account, [MANY])
    assert state.used == 5
    assert state.refills_at == clock.now() + timedelta(seconds=60.05), "they count from their end on"


class Silent:
    """Notices that never come."""

    async def watch(self, changed: Callable[[], None]) -> None:
        """Nothing is watched."""


async def test_a_refusal_of_our_own_ends_them_at_once(process: Process, account: str):
    async with process.pacing.running(Silent()):
        await process.call(account)
        with pytest.raises(UpstreamRateLimited):
            await process.call(account, error=UpstreamRateLimited("Slow down.", provider="x", retry_after=60))
        with pytest.raises(HeldBack):
            await process.call(account)
    assert await process.used(account) == 2


async def test_a_rest_that_begins_while_they_are_on_their_way_ends_them_too(process: Process, account: str):
    async with process.running():
        process.ledger.meanwhile = process.pacing._ahead.withdraw
        await process.call(account)
        process.ledger.meanwhile = lambda: None
        await process.call(account)
        assert process.ledger.asked == 2
    assert await process.used(account) == 2


async def test_a_lost_listener_ends_them(connector: Connector, process: Process, account: str):
    """Notices may have been missed."""
    async with process.running():
        await process.call(account)
        sql = await connector.connect()
        gone = await sql.fetch(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database() AND query LIKE 'LISTEN%'"
        )
        await sql.close()
        assert gone, "nobody listened"
        await process.withdrawn(2)
        await process.call(account)
        assert process.ledger.asked == 2
    assert await process.used(account) == 2
