"""Upstream calls are spent within limits, in order of priority, and cool-downs are kept."""

import asyncio
from datetime import UTC, datetime

import pytest

from sluicegate.core.errors import (
    AccountLocked,
    ConnectionFailed,
    CoolingDown,
    SlotsFull,
    UpstreamError,
    UpstreamRateLimited,
)
from sluicegate.core.manifest import CallLimit
from sluicegate.net.pacing import Pacing, Priority


class World:
    """Time that moves when everybody sleeps, to the earliest moment that somebody waits for."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.time + seconds, future))
        await future

    async def run(self, tasks: list[asyncio.Task[None]]) -> None:
        """Moves time on until all tasks are done."""
        while not all(task.done() for task in tasks):
            for _ in range(5):
                await asyncio.sleep(0)
            if self.sleepers:
                self.sleepers.sort(key=lambda sleeper: sleeper[0])
                self.time, future = self.sleepers.pop(0)
                if not future.done():
                    future.set_result(None)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def pacing(world: World) -> Pacing:
    return Pacing(world, sleep=world.sleep)


TEN = (CallLimit("create", 10, 60),)


async def call(
    pacing: Pacing,
    error: UpstreamError | None = None,
    *,
    account: str = "a",
    limits=TEN,
    calls: str = "create",
    **options,
) -> None:
    async with pacing.slot(account, limits, calls=calls, **options):
        if error is not None:
            raise error


async def test_no_window_ever_holds_more_than_the_limit(world: World, pacing: Pacing) -> None:
    times: list[float] = []

    async def note() -> None:
        async with pacing.slot("a", TEN, calls="create", priority=Priority.PLAY, patience=600):
            times.append(world.time)

    await world.run([asyncio.create_task(note()) for _ in range(35)])
    assert len(times) == 35
    for start in times:
        assert sum(1 for time in times if start <= time < start + 60) <= 10
    assert times[-1] - times[0] == pytest.approx(180, abs=2), "and no more time than needed is lost"


async def test_impatient_callers_fail_at_once_and_are_told_the_wait(world: World, pacing: Pacing) -> None:
    for _ in range(10):
        await call(pacing, priority=Priority.PLAY, patience=0)
    world.time += 15
    with pytest.raises(UpstreamRateLimited) as caught:
        await call(pacing, priority=Priority.PLAY, patience=44)
    assert caught.value.retry_after == pytest.approx(45)
    assert not world.sleepers, "nobody slept before the refusal"


async def test_lower_priorities_leave_room_for_playing(pacing: Pacing) -> None:
    for _ in range(7):
        await call(pacing, priority=Priority.BACKGROUND, patience=0)
    with pytest.raises(UpstreamRateLimited):
        await call(pacing, priority=Priority.BACKGROUND, patience=0)
    for _ in range(2):
        await call(pacing, priority=Priority.SYNC, patience=0)
    with pytest.raises(UpstreamRateLimited):
        await call(pacing, priority=Priority.SYNC, patience=0)
    await call(pacing, priority=Priority.PLAY, patience=0)
    with pytest.raises(UpstreamRateLimited):
        await call(pacing, priority=Priority.PLAY, patience=0)


async def test_players_go_first_when_all_wait(world: World, pacing: Pacing) -> None:
    one = (CallLimit("link", 1, 10),)
    order: list[str] = []

    async def note(name: str, priority: Priority) -> None:
        async with pacing.slot("a", one, calls="link", priority=priority, patience=600):
            order.append(name)

    await call(pacing, limits=one, calls="link")
    tasks = [
        asyncio.create_task(note("background", Priority.BACKGROUND)),
        asyncio.create_task(note("sync", Priority.SYNC)),
    ]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(note("play", Priority.PLAY)))
    await world.run(tasks)
    assert order == ["play", "sync", "background"]


async def test_a_waiter_that_gives_up_leaves_its_place(world: World, pacing: Pacing) -> None:
    one = (CallLimit("link", 1, 10),)
    await call(pacing, limits=one, calls="link")
    first = asyncio.create_task(call(pacing, limits=one, calls="link", patience=60))
    await asyncio.sleep(0)
    second = asyncio.create_task(call(pacing, limits=one, calls="link", patience=60))
    await asyncio.sleep(0)
    first.cancel()
    await world.run([first, second])
    assert world.time < 1011, "it did not wait for the place of the one that left"
    assert pacing.outlook("a", one)[0].used == 1


async def test_classes_and_accounts_are_apart_and_the_star_counts_all(pacing: Pacing) -> None:
    limits = (CallLimit("create", 1, 60), CallLimit("*", 3, 60))
    options = {"limits": limits, "priority": Priority.PLAY, "patience": 0}
    await call(pacing, **options)
    with pytest.raises(UpstreamRateLimited):
        await call(pacing, **options)
    await call(pacing, account="b", **options)
    await call(pacing, calls="list", **options)
    await call(pacing, calls="list", **options)
    with pytest.raises(UpstreamRateLimited):
        await call(pacing, calls="list", **options)


@pytest.mark.parametrize(
    ("error", "class_rests", "account_rests"),
    [
        (UpstreamRateLimited(retry_after=20), 20, 0),
        (UpstreamRateLimited(), 30, 0),
        (SlotsFull(retry_after=20), 20, 0),
        (SlotsFull(), 0, 0),
        (CoolingDown(retry_after=20), 20, 20),
        (CoolingDown(), 30, 30),
        (AccountLocked(retry_after=20), 20, 20),
        (ConnectionFailed(retry_after=5), 5, 0),
        (ConnectionFailed(), 0, 0),
        (CoolingDown(retry_after=10**9), 6 * 3600, 6 * 3600),
    ],
)
async def test_errors_teach_how_long_to_stay_away(
    world: World, pacing: Pacing, error: UpstreamError, class_rests: float, account_rests: float
) -> None:
    with pytest.raises(type(error)):
        await call(pacing, error)
    for calls, rests in (("create", class_rests), ("other", account_rests)):
        if rests:
            with pytest.raises(UpstreamRateLimited) as caught:
                await call(pacing, calls=calls, patience=0)
            assert caught.value.retry_after == pytest.approx(rests)
        else:
            await call(pacing, calls=calls, patience=0)
    await call(pacing, account="b", patience=0)
    world.time += max(class_rests, account_rests)
    await call(pacing, patience=0)


async def test_the_outlook_tells_what_is_left(world: World, pacing: Pacing) -> None:
    for _ in range(3):
        await call(pacing)
    pacing.rest("a", 12, calls="create")
    [state] = pacing.outlook("a", TEN)
    assert (state.used, state.cooling_seconds) == (3, 12)
    world.time += 61
    [state] = pacing.outlook("a", TEN)
    assert (state.used, state.cooling_seconds) == (0, 0)


async def test_the_queue_of_an_account_is_bounded(pacing: Pacing) -> None:
    one = (CallLimit("link", 1, 10),)
    await call(pacing, limits=one, calls="link")
    tasks = [asyncio.create_task(call(pacing, limits=one, calls="link", patience=1e9)) for _ in range(256)]
    await asyncio.sleep(0)
    with pytest.raises(UpstreamRateLimited, match="Too many"):
        await call(pacing, limits=one, calls="link", patience=1e9)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_ledgers_are_bounded(pacing: Pacing) -> None:
    for number in range(10_050):
        pacing.outlook(str(number), TEN)
    assert len(pacing._ledgers) == 10_000
