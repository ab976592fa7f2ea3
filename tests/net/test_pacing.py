"""Upstream calls are spent within limits, in order of priority, and cool-downs are kept."""

import asyncio

import pytest
from tests.clocks import DrivenClock

from sluicegate.core.errors import (
    AccountLocked,
    ConnectionFailed,
    CoolingDown,
    HeldBack,
    SlotsFull,
    UpstreamError,
    UpstreamQuota,
    UpstreamRateLimited,
)
from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import WAITED, Priority, Waited
from sluicegate.db.database import Database
from sluicegate.net.flights import Flights
from sluicegate.net.pacing import Pacing

TEN = (CallLimit("*", 10, 60),)


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def pacing(database: Database, clock: DrivenClock) -> Pacing:
    return Pacing(database.ledger(clock), clock, sleep=clock.sleep)


async def call(
    pacing: Pacing,
    error: UpstreamError | None = None,
    *,
    account: str = "a",
    limits=TEN,
    calls: str = "submit_magnet",
    priority: Priority = Priority.PLAY,
) -> None:
    async with pacing.turn(account, limits, calls=calls, priority=priority):
        if error is not None:
            raise error


async def failed(pacing: Pacing, error: UpstreamError, **options) -> None:
    with pytest.raises(type(error)):
        await call(pacing, error, **options)


async def test_the_lower_priorities_leave_a_part_of_the_account_to_the_higher_ones(pacing: Pacing):
    for priority, fits in ((Priority.BACKGROUND, 7), (Priority.SYNC, 2), (Priority.PLAY, 1)):
        for _ in range(fits):
            await call(pacing, priority=priority)
        with pytest.raises(HeldBack) as held:
            await call(pacing, priority=priority)
        assert held.value.retry_after
        assert 55 < held.value.retry_after < 61


async def test_a_limit_of_one_class_is_used_to_the_full(pacing: Pacing):
    limits = (CallLimit("submit_magnet submit_torrent_file", 4, 60),)
    for calls in ("submit_magnet", "submit_torrent_file") * 2:
        await call(pacing, limits=limits, calls=calls, priority=Priority.BACKGROUND)
    with pytest.raises(HeldBack):
        await call(pacing, limits=limits, priority=Priority.BACKGROUND)
    await call(pacing, limits=limits, calls="link", priority=Priority.BACKGROUND)


async def test_play_waits_for_its_turn_where_background_work_fails_at_once(pacing: Pacing, clock: DrivenClock):
    limits = (CallLimit("link", 1, 4),)
    await call(pacing, limits=limits, calls="link")
    with pytest.raises(HeldBack):
        await call(pacing, limits=limits, calls="link", priority=Priority.BACKGROUND)
    before = clock.monotonic()
    await call(pacing, limits=limits, calls="link")
    assert 4 < clock.monotonic() - before < 5


async def test_what_was_waited_for_turns_is_told_to_whoever_wants_to_know(pacing: Pacing):
    WAITED.set(waited := Waited())
    for _ in range(10):
        await call(pacing, limits=(CallLimit("*", 10, 5),))
    assert waited.seconds == 0
    await call(pacing, limits=(CallLimit("*", 10, 5),))
    assert waited.seconds == pytest.approx(5, abs=1)


@pytest.mark.parametrize(
    ("error", "rests", "others_rest"),
    [
        (UpstreamRateLimited(), 30, False),
        (UpstreamRateLimited(retry_after=200), 200, False),
        (UpstreamQuota(), 60, False),
        (CoolingDown(retry_after=3600), 3600, True),
        (AccountLocked(retry_after=100), 100, True),
        (ConnectionFailed(retry_after=15), 15, False),
    ],
)
async def test_what_the_provider_says_is_kept(pacing: Pacing, clock: DrivenClock, error, rests, others_rest):
    await failed(pacing, error, calls="link")
    with pytest.raises(HeldBack) as held:
        await call(pacing, calls="link")
    assert held.value.retry_after == pytest.approx(rests, abs=1)
    assert error.detail in held.value.detail
    if others_rest:
        with pytest.raises(HeldBack):
            await call(pacing, calls="get")
    else:
        await call(pacing, calls="get")
    clock.advance(rests + 1)
    await call(pacing, calls="link")


async def test_full_slots_keep_every_kind_of_create_away(pacing: Pacing):
    await failed(pacing, SlotsFull(), calls="submit_magnet")
    for calls in ("submit_torrent_file", "submit_nzb", "submit_web"):
        with pytest.raises(HeldBack):
            await call(pacing, calls=calls)
    await call(pacing, calls="list_page")


async def test_a_fault_that_is_no_limit_lets_nothing_rest(pacing: Pacing):
    await failed(pacing, ConnectionFailed(), calls="link")
    await call(pacing, calls="link")


async def test_being_held_back_teaches_nothing(pacing: Pacing, clock: DrivenClock):
    await failed(pacing, HeldBack(retry_after=500), calls="link")
    clock.advance(1)
    await call(pacing, calls="link")


async def test_two_processes_learn_from_each_other(database: Database, clock: DrivenClock):
    first, second = (Pacing(database.ledger(clock), clock, sleep=clock.sleep) for _ in range(2))
    await failed(first, CoolingDown(retry_after=900))
    with pytest.raises(HeldBack):
        await call(second)


async def test_identical_reads_in_flight_are_one():
    flights, calls, gate = Flights(), [], asyncio.Event()

    async def read() -> str:
        calls.append(1)
        await gate.wait()
        return "answer"

    askers = [asyncio.create_task(flights.join("k", read())) for _ in range(5)]
    other = asyncio.create_task(flights.join("other", read()))
    await asyncio.sleep(0)
    askers[0].cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*askers[1:], other) == ["answer"] * 5
    assert len(calls) == 2
    await flights.join("k", read())
    assert len(calls) == 3, "an answer is not kept"


async def test_the_last_asker_who_leaves_ends_the_call():
    flights, ended = Flights(), []

    async def read() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(1)
            raise

    askers = [asyncio.create_task(flights.join("k", read())) for _ in range(2)]
    await asyncio.sleep(0.01)
    for asker in askers:
        assert not ended
        asker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asker
    assert ended


async def test_an_error_reaches_every_asker():
    flights = Flights()

    async def read() -> None:
        await asyncio.sleep(0)
        raise ConnectionFailed

    outcomes = await asyncio.gather(*(flights.join("k", read()) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionFailed] * 3
