"""Who gets a place at work: fair between users, bounded by user and host, in the order of priority."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from tests.db.samples import a_media_job, a_user

from sluicegate.core.clock import SystemClock
from sluicegate.core.media_jobs import MediaState
from sluicegate.core.media_queue import Candidate, Places, choose
from sluicegate.core.users import UserLimits
from sluicegate.db.unit_of_work import Transactions
from sluicegate.services.fair_slots import FairSlots
from sluicegate.services.media_queue import MediaQueueService

ANN, BOB = UUID(int=1), UUID(int=2)
MANY = Places(total=100, per_user=100, per_host=100)


def line(user: UUID, count: int, host: str = "h", limit: int | None = None) -> list[Candidate]:
    return [Candidate(uuid4(), user, host, limit) for _ in range(count)]


def users(chosen: list[Candidate]) -> dict[UUID, int]:
    return {user: sum(one.user_id == user for one in chosen) for user in (ANN, BOB)}


def test_a_long_list_keeps_nobody_waiting():
    chosen = choose([*line(ANN, 1000), *line(BOB, 3)], [], replace(MANY, total=10))
    assert users(chosen) == {ANN: 7, BOB: 3}


def test_who_works_already_waits_for_those_who_do_not():
    chosen = choose([*line(ANN, 9), *line(BOB, 9)], [(ANN, "h", 4)], replace(MANY, total=8))
    assert users(chosen) == {ANN: 0, BOB: 4}


def test_each_user_and_each_host_has_a_bound():
    assert users(choose([*line(ANN, 9), *line(BOB, 9)], [], replace(MANY, per_user=2))) == {ANN: 2, BOB: 2}
    assert users(choose([*line(ANN, 9, limit=1), *line(BOB, 9)], [], replace(MANY, per_user=5))) == {ANN: 1, BOB: 5}
    crowded = [*line(ANN, 5, "slow"), *line(ANN, 2, "free")]
    chosen = choose(crowded, [(BOB, "slow", 1)], replace(MANY, per_host=3))
    assert [one.host for one in chosen] == ["slow", "slow", "free", "free"]


def test_nothing_is_given_out_when_nothing_is_free():
    assert choose(line(ANN, 3), [(BOB, "h", 5)], replace(MANY, total=5)) == []
    assert choose([], [], MANY) == []


async def test_places_are_given_out_from_the_rows(transactions: Transactions):
    ann, bob = await a_user(transactions), await a_user(transactions)
    now = datetime.now(UTC)
    first = a_media_job(ann.id, enqueued_at=now, host="a")
    urgent = a_media_job(ann.id, enqueued_at=now, host="a", priority=5)
    paused = a_media_job(ann.id, host="a")
    later = a_media_job(ann.id, enqueued_at=now, host="a", not_before=now.replace(year=now.year + 1))
    other = a_media_job(bob.id, enqueued_at=now, host="b")
    over = a_media_job(bob.id, enqueued_at=now, host="b", state=MediaState.FAILED)
    async with transactions() as tx:
        await tx.limits.put(ann.id, UserLimits(concurrent=1))
        await tx.media_jobs.add_all([first, urgent, paused, later])
        await tx.media_jobs.add_all([other, over])
    queue = MediaQueueService(transactions, Places(total=2, per_user=5, per_host=5), SystemClock())

    assert await queue.admit() == 2
    assert await queue.admit() == 0

    async with transactions() as tx:
        admitted = {job.id for job in await tx.media_jobs.unfinished(limit=10, admitted=True)}
        assert admitted == {urgent.id, other.id}
        assert sorted(await tx.media_queue.busy()) == sorted([(ann.id, "a", 1), (bob.id, "b", 1)])
        assert await tx.media_queue.over([first.id, over.id]) == {over.id}


async def test_two_workers_never_give_out_a_place_twice(transactions: Transactions):
    user = await a_user(transactions)
    jobs = [a_media_job(user.id, enqueued_at=datetime.now(UTC)) for _ in range(20)]
    async with transactions() as tx:
        await tx.media_jobs.add_all(jobs)
    queue = MediaQueueService(transactions, Places(total=7, per_user=9, per_host=9), SystemClock())
    assert sum(await asyncio.gather(*(queue.admit() for _ in range(4)))) == 7


async def test_slots_go_round_between_users():
    slots = FairSlots(1)
    order: list[UUID] = []

    async def work(user: UUID) -> None:
        async with slots.hold(user) as waited:
            assert waited >= 0
            order.append(user)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(ANN) for _ in range(4)), *(work(BOB) for _ in range(2)))
    assert order[:4] == [ANN, ANN, BOB, ANN] or order[:4] == [ANN, BOB, ANN, BOB]
    assert order.count(BOB) == 2


async def test_a_place_that_is_given_up_while_waiting_goes_on():
    slots = FairSlots(1)
    async with slots.hold(ANN):
        leaving = asyncio.create_task(_hold(slots, BOB))
        staying = asyncio.create_task(_hold(slots, ANN))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    async with asyncio.timeout(5):
        await staying


async def _hold(slots: FairSlots, user: UUID) -> None:
    async with slots.hold(user):
        pass
