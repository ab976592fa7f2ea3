"""The link cache: one call for many who ask, bounded, and never a link that is over."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from sluicegate.core.errors import UpstreamServerError
from sluicegate.core.links import Link
from sluicegate.services.link_cache import LinkCache, LinkKey


@dataclass
class Hands:
    """A clock that is set by hand."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass
class Maker:
    """Makes links that live so long, and counts them."""

    clock: Hands
    lifetime: timedelta | None = None
    made: list[Link] = field(default_factory=list)
    error: Exception | None = None

    async def __call__(self) -> Link:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        expires_at = self.clock.at + self.lifetime if self.lifetime is not None else None
        self.made.append(Link(f"https://host/{len(self.made)}", expires_at))
        return self.made[-1]


KEY = LinkKey(uuid4(), uuid4(), "torbox:1:0")


@pytest.fixture
def clock() -> Hands:
    return Hands()


async def test_many_who_ask_at_once_cost_one_call(clock: Hands):
    cache, make = LinkCache(clock), Maker(clock, timedelta(hours=1))
    links = await asyncio.gather(*(cache.get(KEY, make) for _ in range(50)))
    assert links == [make.made[0]] * 50
    assert len(make.made) == 1


async def test_an_error_reaches_all_and_is_not_kept(clock: Hands):
    cache, make = LinkCache(clock), Maker(clock, error=UpstreamServerError())
    results = await asyncio.gather(*(cache.get(KEY, make) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, UpstreamServerError) for result in results)
    make.error = None
    assert await cache.get(KEY, make) == make.made[0]


async def test_one_who_leaves_does_not_end_the_call_of_the_others(clock: Hands):
    cache, make = LinkCache(clock), Maker(clock)
    leaver, stayer = asyncio.create_task(cache.get(KEY, make)), asyncio.create_task(cache.get(KEY, make))
    await asyncio.sleep(0)
    leaver.cancel()
    assert await stayer == make.made[0]


@pytest.mark.parametrize(
    ("lifetime", "age", "kept"),
    [(None, 839, True), (None, 841, False), (3600, 3539, True), (3600, 3541, False), (30, 29, True), (30, 31, False)],
)
async def test_how_long_a_link_is_kept(clock: Hands, lifetime: int | None, age: int, kept: bool):
    cache, make = LinkCache(clock), Maker(clock, None if lifetime is None else timedelta(seconds=lifetime))
    await cache.get(KEY, make)
    clock.at += timedelta(seconds=age)
    await cache.get(KEY, make)
    assert len(make.made) == (1 if kept else 2)


async def test_a_link_that_must_last_is_made_anew_in_time(clock: Hands):
    cache, make = LinkCache(clock), Maker(clock, timedelta(hours=1))
    await cache.get(KEY, make)
    clock.at += timedelta(minutes=50)
    assert await cache.get(KEY, make) == make.made[0]
    assert await cache.get(KEY, make, lasting=timedelta(minutes=15)) == make.made[1]
    short = Maker(clock, timedelta(minutes=5))
    other = LinkKey(KEY.user_id, KEY.account_id, "torbox:2:0")
    for _ in range(5):
        await cache.get(other, short, lasting=timedelta(minutes=15))
    assert len(short.made) == 1, "links of this provider never last so long"


async def test_users_accounts_files_and_addresses_do_not_share(clock: Hands):
    """T38: the cache is per user even at an account that several users play from."""
    cache, make = LinkCache(clock), Maker(clock)
    keys = [
        KEY,
        LinkKey(uuid4(), KEY.account_id, KEY.locator),
        LinkKey(KEY.user_id, uuid4(), KEY.locator),
        LinkKey(KEY.user_id, KEY.account_id, "torbox:1:1"),
        LinkKey(KEY.user_id, KEY.account_id, KEY.locator, "203.0.113.9"),
    ]
    assert len({(await cache.get(key, make)).url for key in keys}) == len(keys)


async def test_a_dead_link_is_dropped_once(clock: Hands):
    cache, make = LinkCache(clock), Maker(clock)
    first = await cache.get(KEY, make)
    cache.forget(KEY, first)
    second = await cache.get(KEY, make)
    cache.forget(KEY, first)
    assert await cache.get(KEY, make) == second
    assert len(make.made) == 2
