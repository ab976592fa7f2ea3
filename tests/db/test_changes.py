"""The change feed, through PostgreSQL's notices and over two connections to one database."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.db.samples import a_job, a_media_job, a_user

from sluicegate.core.jobs import JobState
from sluicegate.core.media_jobs import MediaState
from sluicegate.core.ports import Change
from sluicegate.db.connector import Connector
from sluicegate.db.database import Database, open_at
from sluicegate.services.vault import AesVault


async def take(feed, count: int) -> list[Change]:
    async with asyncio.timeout(10):
        return [await anext(feed) for _ in range(count)]


async def test_adding_and_updating_are_published_at_commit_to_every_process(
    database: Database, connector: Connector, vault: AesVault
):
    user = await a_user(database.transactions)
    job, media = a_job(user.id), a_media_job(user.id)
    async with (
        open_at(connector, vault) as other,
        other.changes.follow(user.id) as there,
        database.changes.follow(user.id) as here,
        database.changes.follow(user.id) as here_too,
    ):
        async with database.transactions() as tx:
            await tx.jobs.add(job)
            await tx.jobs.update(replace(job, state=JobState.READY))
            await tx.media_jobs.add(media)
            await tx.media_jobs.update(replace(media, state=MediaState.FAILED))
        for feed in (there, here, here_too):
            assert await take(feed, 4) == [
                Change("job", user.id, job.id, "queued", 1),
                Change("job", user.id, job.id, "ready", 2),
                Change("media_job", user.id, media.id, "Pending", 1),
                Change("media_job", user.id, media.id, "Failed", 2),
            ]


async def test_nobody_hears_of_others_or_of_what_was_rolled_back(database: Database):
    mine, other = await a_user(database.transactions), await a_user(database.transactions)
    job = a_job(mine.id)

    async def fail():
        async with database.transactions() as tx:
            await tx.jobs.add(a_job(mine.id))
            raise ZeroDivisionError

    async with database.changes.follow(mine.id) as feed:
        with pytest.raises(ZeroDivisionError):
            await fail()
        async with database.transactions() as tx:
            await tx.jobs.add(a_job(other.id))
            await tx.jobs.add(job)
        assert [change.subject for change in await take(feed, 1)] == [job.id]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(feed)


async def test_a_slow_follower_loses_the_oldest_changes(database: Database):
    user = await a_user(database.transactions)
    async with database.changes.follow(user.id) as feed:
        async with database.transactions() as tx:
            job, _ = await tx.jobs.add(a_job(user.id))
            for _ in range(300):
                job = await tx.jobs.update(job)
        async with database.changes.follow(user.id) as marker:
            async with database.transactions() as tx:
                last = await tx.jobs.update(job)
            while (await take(marker, 1))[0].version != last.version:
                pass
        assert [change.version for change in await take(feed, 256)] == list(range(47, 303))


async def test_foreign_notices_are_ignored(database: Database, sql, caplog):
    user = await a_user(database.transactions)
    async with database.changes.follow(user.id) as feed:
        for payload in ("", "nonsense", "[]", "{}", '["job",1,2,3,4]', f'["job","{uuid4()}"]'):
            await sql.execute("SELECT pg_notify('sluicegate_changes', $1)", payload)
        async with database.transactions() as tx:
            await tx.jobs.add(a_job(user.id))
        assert len(await take(feed, 1)) == 1
    assert "nonsense" not in caplog.text


async def test_the_feed_comes_back_when_its_connection_is_killed(database: Database, sql):
    user = await a_user(database.transactions)
    async with database.changes.follow(user.id) as feed:
        killed = await sql.fetchval(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        assert killed == 1
        async with asyncio.timeout(10):
            while not await sql.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'"
            ):
                await asyncio.sleep(0.02)
        async with database.transactions() as tx:
            await tx.jobs.add(a_job(user.id))
        assert len(await take(feed, 1)) == 1


async def test_a_process_that_follows_nothing_holds_no_listening_connection(database: Database, sql):
    async with database.transactions() as tx:
        await tx.users.page(limit=1, offset=0)
    assert (
        await sql.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        == 1
    )
