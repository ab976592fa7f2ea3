"""Background work: from the transaction that asks for it to the handler that ran, on a real database."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from pgqueuer.domain.models import AnyEvent

from sluicegate.core.errors import UpstreamUnavailable
from sluicegate.core.ports import Task
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.queue_schema import TASK_CHANNEL
from sluicegate.db.unit_of_work import Transactions


async def add(transactions: Transactions, *tasks: Task) -> list[bool]:
    async with transactions() as tx:
        return [await tx.tasks.add(task) for task in tasks]


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def rows(sql) -> list[dict]:
    found = await sql.fetch(
        "SELECT entrypoint, status::text, dedupe_key, attempts, headers::text, execute_after > now() AS later,"
        " convert_from(payload, 'UTF8') AS subject FROM tasks.pgqueuer WHERE entrypoint <> 'prune_task_log' ORDER BY id"
    )
    return [dict(row) for row in found]


class Seen:
    """A handler that counts its runs and can be held."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self.subjects: list[str] = []
        self.answers = list(answers)
        self.at_work = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, subject: str) -> float | None:
        self.subjects.append(subject)
        self.at_work.set()
        await self.go_on.wait()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_task_runs_when_its_transaction_commits(transactions: Transactions, working, sql):
    seen = Seen()
    async with working({"place": seen}):
        async with transactions() as tx:
            assert await tx.tasks.add(Task("place", "a")) is True
            await asyncio.sleep(0.4)
            assert seen.subjects == []
        await until(lambda: seen.subjects == ["a"])
    assert await rows(sql) == []


async def test_a_rolled_back_task_never_was(transactions: Transactions, sql):
    async def fail():
        async with transactions() as tx:
            await tx.tasks.add(Task("place", "a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await rows(sql) == []


async def test_a_waiting_task_is_not_added_twice_and_the_transaction_lives_on(transactions: Transactions, sql):
    assert await add(transactions, Task("place", "a"), Task("place", "a"), Task("place", "b")) == [True, False, True]
    assert await add(transactions, Task("place", "a"), Task("sync", "a")) == [False, True]
    assert [row["dedupe_key"] for row in await rows(sql)] == ["place:a", "place:b", "sync:a"]


async def test_many_concurrent_adds_make_one_task(transactions: Transactions, sql):
    answers = await asyncio.gather(*(add(transactions, Task("place", "a")) for _ in range(60)))
    assert Counter(added for (added,) in answers) == {True: 1, False: 59}
    assert len(await rows(sql)) == 1


async def test_a_task_that_waits_for_a_later_time_runs_now_when_it_is_wanted_at_once(
    transactions: Transactions, working, sql
):
    seen, notices = Seen(3_600.0, 3_600.0), []
    async with working({"place": seen}):
        await add(transactions, Task("place", "a"))
        await until(lambda: seen.subjects == ["a"])
        await until(lambda: waits(sql))
        assert await add(transactions, Task("place", "a")) == [False]
        assert (await rows(sql))[0]["later"], "merely making sure that there is one hurries nothing"
        await sql.add_listener(TASK_CHANNEL, lambda *notice: notices.append(notice[-1]))
        assert await add(transactions, Task("place", "a", at_once=True)) == [False]
        await until(lambda: seen.subjects == ["a", "a"])
    assert AnyEvent.model_validate_json(notices[0]).root.type == "table_changed_event", "the worker need not poll"


async def waits(sql) -> bool:
    return [row["status"] for row in await rows(sql)] == ["queued"]


async def test_a_waiting_task_that_is_asked_for_again_runs_after_that_commit(transactions: Transactions, working):
    """The task must not run on what was true before the transaction that asked for it."""
    committed = False
    states = []

    async def handler(subject: str) -> None:
        states.append(committed)

    await add(transactions, Task("place", "a"))
    async with transactions() as tx:
        assert await tx.tasks.add(Task("place", "a")) is False
        async with working({"place": handler}):
            await asyncio.sleep(0.5)
            assert states == []
            committed = True
            await tx.tasks._connection.commit()
            await until(lambda: len(states) == 1)
    assert states == [True]


async def test_a_task_asked_for_while_it_runs_runs_once_more(transactions: Transactions, working, sql):
    seen = Seen()
    seen.go_on.clear()
    async with working({"place": seen}):
        await add(transactions, Task("place", "a"))
        await seen.at_work.wait()
        assert await add(transactions, *[Task("place", "a")] * 3) == [False] * 3
        assert await add(transactions, Task("place", "a")) == [False]
        seen.go_on.set()
        await until(lambda: len(seen.subjects) == 2)
        await until(lambda: _is_empty(sql))
        await asyncio.sleep(0.5)
    assert seen.subjects == ["a", "a"]


async def test_a_task_asked_for_in_a_transaction_that_is_still_open_when_it_ends_runs_once_more(
    transactions: Transactions, working, sql
):
    seen = Seen()
    seen.go_on.clear()
    async with working({"place": seen}):
        await add(transactions, Task("place", "a"))
        await seen.at_work.wait()
        async with transactions() as tx:
            assert await tx.tasks.add(Task("place", "a")) is False
            seen.go_on.set()
            await asyncio.sleep(0.3)
            assert len(seen.subjects) == 1
        await until(lambda: len(seen.subjects) == 2)
        await until(lambda: _is_empty(sql))


async def test_no_request_is_lost_however_it_falls(transactions: Transactions, working):
    """Each request raises a number first; the handler reads it. At the end the last read must be the last number."""
    wanted, read = 0, -1

    async def handler(subject: str) -> None:
        nonlocal read
        now = wanted
        await asyncio.sleep(0.001)
        read = now

    async with working({"place": handler}):
        for _ in range(300):
            async with transactions() as tx:
                wanted += 1
                await tx.tasks.add(Task("place", "a"))
        await until(lambda: read == wanted)


async def test_a_handler_that_asks_for_another_run_gets_it_in_time(transactions: Transactions, working, sql):
    loop = asyncio.get_running_loop()
    times = []

    async def handler(subject: str) -> float | None:
        times.append(loop.time())
        return 0.5 if len(times) < 3 else None

    async with working({"sync": handler}):
        await add(transactions, Task("sync", "a"))
        await until(lambda: len(times) == 3)
        await until(lambda: _is_empty(sql))
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(0.5 <= pause < 3 for pause in pauses), pauses


async def test_a_delayed_task_waits(transactions: Transactions, working):
    seen = Seen()
    async with working({"sync": seen}):
        await add(transactions, Task("sync", "a", delay=1.0), Task("sync", "b"))
        await until(lambda: seen.subjects == ["b"])
        await until(lambda: seen.subjects == ["b", "a"])


async def test_a_larger_priority_goes_first(transactions: Transactions, working):
    seen = Seen()
    await add(transactions, *(Task("place", str(number), priority=number) for number in range(5)))
    async with working({"place": seen}, limits={"place": 1}):
        await until(lambda: len(seen.subjects) == 5)
    assert seen.subjects == ["4", "3", "2", "1", "0"]


async def test_a_limit_holds_over_two_workers(transactions: Transactions, working):
    at_once = most = done = 0

    async def handler(subject: str) -> None:
        nonlocal at_once, most, done
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1
        done += 1

    await add(transactions, *(Task("media", str(number)) for number in range(12)))
    options = {"limits": {"media": 2}}
    async with working({"media": handler}, **options), working({"media": handler}, **options):
        await until(lambda: done == 12)
    assert most == 2


async def test_other_kinds_are_left_to_other_workers(transactions: Transactions, working, sql):
    seen = Seen()
    async with working({"place": seen}):
        await add(transactions, Task("engine_place", "a"), Task("place", "b"))
        await until(lambda: seen.subjects == ["b"])
    assert [row["entrypoint"] for row in await rows(sql)] == ["engine_place"]


async def test_a_failure_is_tried_again_after_a_pause_and_a_success_forgets_it(
    transactions: Transactions, working, sql, caplog
):
    secret = "sk_" + uuid4().hex
    seen = Seen(ValueError(secret), ValueError(secret), None)
    async with working({"place": seen}):
        await add(transactions, Task("place", "a"))
        await until(lambda: len(seen.subjects) == 3)
        await until(lambda: _is_empty(sql))
    assert "ValueError" in caplog.text
    assert secret not in caplog.text
    kept = await sql.fetch("SELECT traceback::text FROM tasks.pgqueuer_log")
    assert secret not in str(kept)


async def test_a_failure_that_says_when_is_believed(transactions: Transactions, working, sql):
    seen = Seen(UpstreamUnavailable("down", retry_after=120.0))
    async with working({"place": seen}):
        await add(transactions, Task("place", "a"))
        await seen.at_work.wait()
        await until(lambda: _all_queued(sql))
        pause = await sql.fetchval(
            "SELECT extract(epoch FROM execute_after - now()) FROM tasks.pgqueuer WHERE entrypoint = 'place'"
        )
    assert 100 < pause <= 120


async def test_a_task_that_fails_ten_times_is_given_up_and_may_be_asked_for_again(
    transactions: Transactions, working, sql
):
    told = []

    async def on_exhausted(kind: str, subject: str, error: Exception) -> None:
        told.append((kind, subject, str(error)))
        raise ZeroDivisionError  # it cannot keep the row alive

    seen = Seen(ValueError("last"))
    await add(transactions, Task("place", "a"))
    await sql.execute("""UPDATE tasks.pgqueuer SET headers = '{"failures": 9}'""")
    async with working({"place": seen}, on_exhausted=on_exhausted):
        await until(lambda: _is_empty(sql))
        assert told == [("place", "a", "last")]
        assert await add(transactions, Task("place", "a")) == [True]
        await until(lambda: len(seen.subjects) == 2)


async def test_a_graceful_stop_lets_quick_tasks_end(transactions: Transactions, working, sql):
    seen = Seen()
    seen.go_on.clear()
    async with working({"place": seen}) as worker:
        await add(transactions, Task("place", "a"))
        await seen.at_work.wait()
        worker.stop()
        await asyncio.sleep(0.2)
        seen.go_on.set()
    assert await rows(sql) == []


async def test_a_graceful_stop_puts_the_rest_back(transactions: Transactions, working, sql):
    seen = Seen()
    seen.go_on.clear()
    await add(transactions, *(Task("place", str(number)) for number in range(25)))
    async with working({"place": seen}, grace=0.2):
        await until(lambda: len(seen.subjects) >= 10)
    left = await rows(sql)
    assert sorted(int(row["subject"]) for row in left) == list(range(25))
    assert {row["status"] for row in left} == {"queued"}
    assert not any(row["later"] for row in left)
    again = Seen()
    async with working({"place": again}):
        await until(lambda: len(again.subjects) == 25)


async def test_cancelling_the_worker_puts_the_tasks_back(transactions: Transactions, database, sql):
    seen = Seen()
    seen.go_on.clear()
    worker = database.worker({"place": seen}, grace=0.1)
    running = asyncio.create_task(worker.run())
    await worker.started.wait()
    await add(transactions, Task("place", "a"))
    await seen.at_work.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [(row["subject"], row["status"]) for row in await rows(sql)] == [("a", "queued")]


async def test_cancelling_every_task_of_the_loop_puts_the_tasks_back(transactions: Transactions, working, sql):
    """As ``asyncio.run`` does at its end."""
    seen = Seen()
    seen.go_on.clear()
    async with working({"place": seen}) as worker:
        await add(transactions, Task("place", "a"))
        await seen.at_work.wait()
        worker.stop()
        await asyncio.sleep(0.1)
        for task in asyncio.all_tasks():
            if "_dispatch" in repr(task.get_coro()):
                task.cancel()
        await until(lambda: _all_queued(sql))
    assert [(row["subject"], row["status"]) for row in await rows(sql)] == [("a", "queued")]


async def test_a_periodic_task_runs_by_itself_once_at_a_time_over_two_workers(working, sql):
    at_once = most = runs = 0

    async def sweep(subject: str) -> None:
        nonlocal at_once, most, runs
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1
        runs += 1
        if runs == 2:
            raise ValueError

    options = {"periodic": {"sweep": 0.2}}
    async with working({"sweep": sweep}, **options), working({"sweep": sweep}, **options):
        await until(lambda: runs >= 4)
        assert len(await rows(sql)) == 1
    assert most == 1


async def test_the_log_of_tasks_is_pruned(working, sql):
    await sql.execute(
        "INSERT INTO tasks.pgqueuer_log (created, job_id, status, priority, entrypoint)"
        " SELECT now() - age, 1, 'successful', 0, 'old' FROM unnest('{2 hours,1 minute}'::interval[]) AS age"
    )
    async with working({}):
        await until(lambda: _count(sql, "SELECT count(*) = 1 FROM tasks.pgqueuer_log WHERE entrypoint = 'old'"))


async def test_the_tasks_of_a_worker_that_is_gone_are_taken_back_at_start(transactions: Transactions, working, sql):
    await add(transactions, Task("place", "a"))
    await sql.execute(
        "UPDATE tasks.pgqueuer SET status = 'picked', queue_manager_id = $1, heartbeat = now() + interval '1 hour'",
        uuid4(),
    )
    seen = Seen()
    async with working({"place": seen}):
        await until(lambda: seen.subjects == ["a"], seconds=5)


async def test_the_tasks_of_a_worker_that_lives_are_left_to_it(
    connector: Connector, vault, transactions: Transactions, working
):
    first, second = Seen(), Seen()
    first.go_on.clear()
    async with working({"place": first}):
        await add(transactions, Task("place", "a"))
        await first.at_work.wait()
        async with open_at(connector, vault) as other:
            worker = other.worker({"place": second})
            running = asyncio.create_task(worker.run())
            await worker.started.wait()
            await asyncio.sleep(0.5)
            worker.stop()
            await running
        first.go_on.set()
    assert (first.subjects, second.subjects) == (["a"], [])


async def _is_empty(sql) -> bool:
    return await rows(sql) == []


async def _all_queued(sql) -> bool:
    return {row["status"] for row in await rows(sql)} == {"queued"}


async def _count(sql, query: str) -> bool:
    return await sql.fetchval(query)
