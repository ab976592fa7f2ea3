"""The account ledger on a real database: exact windows, rests, and several processes at once."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from tests.clocks import DrivenClock

from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import Allowance, Turn
from sluicegate.db.connector import Connector
from sluicegate.db.database import Database
from sluicegate.db.ledger import DatabaseLedger

THREE = CallLimit("*", 3, 10)
LINKS = CallLimit("link unlock", 1, 10)


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def ledger(database: Database, clock: DrivenClock) -> DatabaseLedger:
    return database.ledger(clock, hold=30)


async def ask(
    ledger: DatabaseLedger,
    *limits: CallLimit,
    account: str = "a",
    calls: str = "link",
    ended: Sequence[int] = (),
    share: int = 100,
) -> Turn:
    return await ledger.take(account, calls, [Allowance(x, x.count * share // 100) for x in limits], ended=ended)


async def test_a_window_never_holds_more_than_the_limit(ledger: DatabaseLedger, clock: DrivenClock):
    granted: list[float] = []
    ended: list[int] = []
    for _ in range(200):
        turn = await ask(ledger, THREE, ended=ended)
        ended = [] if turn.ticket is None else [turn.ticket]
        if turn.ticket is not None:
            granted.append(clock.monotonic())
        clock.advance(0.7)
    assert len(granted) > 30
    assert all(later - earlier > 10 for earlier, later in zip(granted, granted[3:], strict=False))
    assert any(later - earlier < 1 for earlier, later in pairwise(granted)), "a burst may use the window at once"


async def test_the_wait_is_until_the_call_fits(ledger: DatabaseLedger, clock: DrivenClock):
    tickets = [(await ask(ledger, THREE)).ticket for _ in range(3)]
    clock.advance(4)
    assert (await ask(ledger, THREE, ended=[ticket for ticket in tickets if ticket])).wait == pytest.approx(10, abs=0.1)
    clock.advance(4)
    wait = (await ask(ledger, THREE)).wait
    assert wait == pytest.approx(6, abs=0.1)
    clock.advance(wait + 0.001)
    assert (await ask(ledger, THREE)).wait == 0


async def test_a_call_on_its_way_counts_until_it_has_ended(ledger: DatabaseLedger, clock: DrivenClock):
    ticket = (await ask(ledger, LINKS)).ticket
    assert ticket
    clock.advance(25)
    assert (await ask(ledger, LINKS)).wait > 0, "it may reach the provider only now"
    clock.advance(1)
    assert (await ask(ledger, LINKS, ended=[ticket])).wait == pytest.approx(10, abs=0.1)
    clock.advance(11)
    assert (await ask(ledger, LINKS)).ticket


async def test_a_call_nobody_ended_is_forgotten_after_its_hold(ledger: DatabaseLedger, clock: DrivenClock):
    assert (await ask(ledger, LINKS)).ticket
    clock.advance(30 + 10 + 1)
    assert (await ask(ledger, LINKS)).ticket


async def test_classes_are_counted_together_as_the_limit_names_them(ledger: DatabaseLedger):
    assert (await ask(ledger, LINKS)).ticket
    assert (await ask(ledger, LINKS, calls="unlock")).wait > 0
    assert (await ask(ledger, THREE, calls="get")).ticket
    assert (await ask(ledger, THREE, calls="get")).ticket
    assert (await ask(ledger, THREE, calls="get")).wait > 0, "the link counts against the whole account too"


async def test_a_refused_call_is_counted_nowhere(ledger: DatabaseLedger):
    assert (await ask(ledger, LINKS, THREE)).ticket
    for _ in range(5):
        assert (await ask(ledger, LINKS, THREE)).ticket is None
    used = [state.used for state in await ledger.limits("a", (THREE, LINKS))]
    assert used == [1, 1]


async def test_a_smaller_share_stops_earlier(ledger: DatabaseLedger):
    limit = CallLimit("*", 10, 60)
    granted = [await ask(ledger, limit, share=70) for _ in range(9)]
    assert [turn.ticket is not None for turn in granted] == [True] * 7 + [False] * 2
    assert (await ask(ledger, limit)).ticket


async def test_accounts_are_counted_apart(ledger: DatabaseLedger):
    assert (await ask(ledger, LINKS)).ticket
    assert (await ask(ledger, LINKS, account="b")).ticket


async def test_a_rest_keeps_its_class_away_and_says_why(ledger: DatabaseLedger, clock: DrivenClock):
    await ledger.rest("a", ["link", "unlock"], 60, "Too many.")
    turn = await ask(ledger)
    assert (turn.wait, turn.reason, turn.ticket) == (pytest.approx(60), "Too many.", None)
    assert (await ask(ledger, calls="get")).wait == 0
    assert (await ask(ledger, account="b")).wait == 0
    assert [rest.calls for rest in await ledger.rests("a")] == ["link", "unlock"]
    clock.advance(61)
    assert (await ask(ledger)).wait == 0
    assert await ledger.rests("a") == ()


async def test_a_rest_is_never_shortened_but_a_person_ends_it(ledger: DatabaseLedger):
    await ledger.rest("a", ["*"], 600, "Flood.")
    await ledger.rest("a", ["*"], 5, "Short.")
    assert (await ask(ledger)).reason == "Flood."
    await ledger.wake("a")
    assert (await ask(ledger)).wait == 0


async def test_the_outlook_says_what_is_left_and_when_it_refills(ledger: DatabaseLedger, clock: DrivenClock):
    ticket = (await ask(ledger, THREE)).ticket
    assert ticket
    await ask(ledger, THREE, ended=[ticket])
    clock.advance(4)
    (state,) = await ledger.limits("a", [THREE])
    assert (state.used, state.left) == (2, 1)
    assert state.refills_at
    assert state.refills_at - clock.now() == timedelta(seconds=6.05)
    (empty,) = await ledger.limits("nobody", [THREE])
    assert (empty.left, empty.refills_at) == (3, None)


async def test_rows_that_no_longer_count_go_away(ledger: DatabaseLedger, clock: DrivenClock, sql):
    for _ in range(50):
        turn = await ask(ledger, THREE)
        if turn.ticket:
            await ask(ledger, CallLimit("get", 1000, 1), calls="get", ended=[turn.ticket])
        clock.advance(11)
    assert await sql.fetchval("SELECT count(*) FROM ledger_calls") < 10


async def test_a_lost_connection_costs_no_turn_and_forgets_no_call(ledger: DatabaseLedger, sql):
    assert [(await ask(ledger, THREE)).ticket is not None for _ in range(2)] == [True, True]
    ended = await sql.fetch(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND datname = current_database() AND query LIKE '%ledger_take%'"
    )
    assert ended, "no connection was there to be lost"
    assert (await ask(ledger, THREE)).ticket is not None
    assert (await ask(ledger, THREE)).ticket is None, "calls made before the loss no longer count"


_TAKER = """
import asyncio, sys, time
from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import Allowance
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.services.vault import AesVault

async def main():
    async with open_at(Connector(url=sys.argv[1]), AesVault(bytes(32)), pool_size=4) as database:
        ledger, limit = database.ledger(), Allowance(CallLimit("*", 40, 600), 40)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        turns = await asyncio.gather(*(ledger.take("shared", "link", [limit], ended=[]) for _ in range(60)))
        print(sum(turn.ticket is not None for turn in turns), flush=True)

asyncio.run(main())
"""


async def test_several_processes_share_one_window(connector: Connector):
    assert connector.embedded
    url = f"postgresql://sluicegate@/{connector.database}?host={connector.embedded.socket_dir}"
    pipe = asyncio.subprocess.PIPE
    takers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _TAKER, url, stdin=pipe, stdout=pipe)
        for _ in range(2)
    ]
    async with asyncio.timeout(60):
        for taker in takers:
            assert taker.stdout
            assert await taker.stdout.readline() == b"ready\n"
        answers = await asyncio.gather(*(taker.communicate(b"go\n") for taker in takers))
    assert sum(int(out) for out, _ in answers) == 40


async def test_without_limits_nothing_is_counted(ledger: DatabaseLedger, sql):
    turn = await ask(ledger, account=str(uuid4()))
    assert (turn.wait, turn.ticket) == (0, None)
    assert await sql.fetchval("SELECT count(*) FROM ledger_calls") == 0
