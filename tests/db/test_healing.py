"""Crashes: of the database under everything that uses it, and of a worker with tasks at hand."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests import ready_made
from tests.db.samples import a_job, a_user

from sluicegate.core.errors import InternalError, NotFound, Retry
from sluicegate.core.jobs import JobState
from sluicegate.core.ports import Task
from sluicegate.db.cluster import Cluster
from sluicegate.db.connector import _SESSION, Connector
from sluicegate.db.database import Database, open_at, open_database
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.services.vault import AesVault

_WORKER = """
import asyncio, sys
from pathlib import Path
from sluicegate.db.database import open_database
from sluicegate.services.vault import AesVault

async def place(subject):
    print("at work", subject, flush=True)
    await asyncio.sleep(3600)

async def main():
    async with open_database(AesVault(bytes(range(32))), data_dir=Path(sys.argv[1])) as database:
        await database.worker({"place": place}).run()

asyncio.run(main())
"""


@pytest.fixture
async def data_dir() -> AsyncIterator[Path]:
    """A data folder of its own, as here the whole server is killed."""
    with ready_made.open_folder() as folder:
        await ready_made.place(folder / "postgres")
        yield folder
        for process in Cluster(folder / "postgres")._processes():
            process.kill()


def kill_server(data_dir: Path) -> None:
    for process in Cluster(data_dir / "postgres")._processes():
        process.kill()


async def test_everything_goes_on_after_kill_9_of_the_database(data_dir: Path, vault: AesVault):
    runs: list[str] = []
    periodic = asyncio.Event()

    async def place(subject: str) -> None:
        runs.append(subject)

    async def slow(subject: str) -> None:
        await asyncio.sleep(1.5)
        runs.append(subject)

    async def tick(subject: str) -> None:
        periodic.set()

    async with open_database(vault, data_dir=data_dir) as database:
        user = await a_user(database.transactions)
        worker = database.worker({"place": place, "slow": slow, "tick": tick}, periodic={"tick": 0.5})
        working = asyncio.create_task(worker.run())
        await worker.started.wait()
        async with database.changes.follow(user.id) as feed:
            job, _ = await _submit(database, user.id, "place")
            await _until(lambda: runs == [str(job.id)])
            assert (await anext(feed)).subject == job.id
            slow_job, _ = await _submit(database, user.id, "slow")
            await asyncio.sleep(0.3)

            kill_server(data_dir)

            another, _ = await _submit(database, user.id, "place")
            await _until(lambda: {str(slow_job.id), str(another.id)} <= set(runs))
            periodic.clear()
            async with asyncio.timeout(20):
                await periodic.wait()
            assert (await database.health()).ready

            async with database.transactions() as tx:
                await tx.jobs.update(replace(another, state=JobState.READY))
            async with asyncio.timeout(10):
                async for change in feed:
                    if change.state == "ready":
                        break
        worker.stop()
        await working


async def test_a_transaction_cut_by_the_crash_is_an_error_that_says_try_again(data_dir: Path, vault: AesVault):
    async with open_database(vault, data_dir=data_dir) as database:
        user = await a_user(database.transactions)
        job = a_job(user.id)

        async def be_cut() -> None:
            async with database.transactions() as tx:
                await tx.jobs.add(job)
                kill_server(data_dir)
                await tx.jobs.get(job.id)

        with pytest.raises(InternalError) as broken:
            await be_cut()
        assert broken.value.retry is Retry.LATER
        assert broken.value.retry_after is not None
        async with database.transactions() as tx:
            with pytest.raises(NotFound):
                await tx.jobs.get(job.id)


async def test_ensure_running_brings_a_killed_server_back(data_dir: Path, vault: AesVault):
    async with open_database(vault, data_dir=data_dir) as database:
        kill_server(data_dir)
        await asyncio.gather(*(database.ensure_running() for _ in range(5)))
        assert Cluster(data_dir / "postgres").ready()


async def test_the_tasks_of_a_killed_worker_are_taken_over_at_once_by_the_next(data_dir: Path, vault: AesVault):
    """Its heartbeat is made to look fresh, so that only its lock can tell that it is gone."""
    async with open_database(vault, data_dir=data_dir) as database:
        async with database.transactions() as tx:
            await tx.tasks.add(Task("place", "a"))
        crashed = await _start_worker(data_dir)
        crashed.kill()
        await crashed.wait()
        async with EmbeddedPostgres(data_dir / "postgres") as server:
            connection = await Connector(embedded=server).connect()
            await connection.execute("UPDATE tasks.pgqueuer SET heartbeat = now() + interval '1 hour'")
            await connection.close()
        second = await _start_worker(data_dir)
        second.kill()
        await second.wait()


async def test_the_tasks_of_a_killed_worker_are_taken_over_by_one_that_was_there_before(
    data_dir: Path, vault: AesVault
):
    taken = asyncio.Event()

    async def place(subject: str) -> None:
        taken.set()

    async with open_database(vault, data_dir=data_dir) as database:
        async with database.transactions() as tx:
            await tx.tasks.add(Task("place", "a"))
        crashed = await _start_worker(data_dir)
        worker = database.worker({"place": place})
        working = asyncio.create_task(worker.run())
        await worker.started.wait()
        await asyncio.sleep(0.3)
        assert not taken.is_set()
        crashed.kill()
        await crashed.wait()
        async with asyncio.timeout(30):
            await taken.wait()
        worker.stop()
        await working


async def test_an_unreachable_database_is_an_error_without_its_address(vault: AesVault):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"postgresql://someone:hunter2@127.0.0.1:{port}/db"
    with pytest.raises(InternalError) as refused:
        async with open_database(vault, database_url=url):
            pass
    words = f"{refused.value.detail} {refused.value.action} {refused.value!r}"
    assert "hunter2" not in words
    assert "127.0.0.1" not in words
    assert "hunter2" not in repr(Connector(url=url))


async def test_a_malformed_url_is_an_error_that_says_where_to_look(vault: AesVault):
    for url in ("", "mysql://x", "postgresql://h:port/"):
        with pytest.raises(InternalError):
            async with open_database(vault, database_url=url):
                pass
    with pytest.raises(InternalError, match="Neither"):
        async with open_database(vault):
            pass


async def test_health_of_a_database_that_is_gone_says_so(server: Connector, connector: Connector, vault: AesVault):
    async with open_at(connector, vault) as database:
        admin = await server.connect()
        await admin.execute(f"ALTER DATABASE {connector.database} ALLOW_CONNECTIONS false")
        health = await database.health()
        await admin.execute(f"ALTER DATABASE {connector.database} ALLOW_CONNECTIONS true")
        await admin.close()
    assert (health.reachable, health.ready) == (False, False)
    assert health.detail


async def test_a_wait_for_a_lock_is_bounded_and_says_busy(
    connector: Connector, vault: AesVault, sql, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(_SESSION, "lock_timeout", "300ms")
    async with open_at(connector, vault) as database:
        await _wait_for_a_lock(database, sql)


async def _wait_for_a_lock(database: Database, sql) -> None:
    user = await a_user(database.transactions)
    job = a_job(user.id)
    async with database.transactions() as tx:
        await tx.jobs.add(job)
    async with sql.transaction():
        await sql.execute("SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE", job.id)
        with pytest.raises(InternalError, match="busy"):
            async with database.transactions() as tx:
                await tx.jobs.get(job.id, lock=True)


async def test_a_full_pool_is_an_error_in_time(connector: Connector, vault: AesVault, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sluicegate.db.engine._POOL_WAIT_SECONDS", 0.2)
    async with open_at(connector, vault, pool_size=1) as database, database.transactions() as tx:
        await tx.users.page(limit=1, offset=0)
        with pytest.raises(InternalError, match="busy"):
            async with database.transactions() as second:
                await second.users.page(limit=1, offset=0)


async def test_callers_that_leave_in_the_middle_leave_nothing_behind(connector: Connector, vault: AesVault, sql):
    """As when clients disconnect: whatever a transaction was doing, its connection and locks are free afterwards."""
    async with open_at(connector, vault, pool_size=4) as database:
        user = await a_user(database.transactions)

        async def submit() -> None:
            async with database.transactions() as tx:
                job, _ = await tx.jobs.add(a_job(user.id, seed="the same", state=JobState.QUEUED))
                await tx.jobs.update(await tx.jobs.get(job.id, lock=True))
                await tx.tasks.add(Task("place", str(job.id)))

        await submit()
        calls = [asyncio.create_task(submit()) for _ in range(200)]
        for number, call in enumerate(calls):
            asyncio.get_running_loop().call_later(number / 400, call.cancel)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        async with asyncio.timeout(10):
            await asyncio.gather(*(submit() for _ in range(20)))
    idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    async with asyncio.timeout(5):
        while await sql.fetchval(idle):
            await asyncio.sleep(0.02)


async def _submit(database: Database, user_id, kind: str):
    job = a_job(user_id)
    async with database.transactions() as tx:
        added = await tx.jobs.add(job)
        await tx.tasks.add(Task(kind, str(job.id)))
    return added


async def _start_worker(data_dir: Path) -> asyncio.subprocess.Process:
    """Another process with a worker that has begun the task and will never end it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WORKER, str(data_dir), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"at work a\n"
    return process


async def _until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)
