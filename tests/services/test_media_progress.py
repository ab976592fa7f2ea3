"""Progress of many media jobs is written together; what it must not touch it leaves alone."""

import asyncio
from uuid import UUID

from tests.db.samples import a_media_job, a_user

from sluicegate.core.clock import SystemClock
from sluicegate.core.media import MediaProgress
from sluicegate.core.media_events import NoMediaEvents
from sluicegate.core.media_jobs import MediaJob, MediaNews, MediaState, MediaStep
from sluicegate.db.unit_of_work import Transactions
from sluicegate.services.media_progress import ProgressWriter
from sluicegate.services.media_settling import MediaSettling

AT_WORK = {"state": MediaState.PROCESSING, "step": MediaStep.DOWNLOADING}


async def added(transactions: Transactions, user_id: UUID, **fields: object) -> MediaJob:
    job = a_media_job(user_id, **(AT_WORK | fields))
    async with transactions() as tx:
        await tx.media_jobs.add(job)
    return job


async def found(transactions: Transactions, job: MediaJob) -> MediaJob:
    async with transactions() as tx:
        return await tx.media_jobs.get(job.id)


def news(job: MediaJob, progress: float) -> MediaNews:
    return MediaNews(job.id, MediaStep.DOWNLOADING, progress, 7, 2**40, 3.5)


async def test_one_statement_writes_what_is_still_true(transactions: Transactions):
    user = await a_user(transactions)
    running = await added(transactions, user.id, progress=0.1)
    ahead = await added(transactions, user.id, progress=0.9)
    over = await added(transactions, user.id, state=MediaState.FAILED)
    later = await added(transactions, user.id, step=MediaStep.MUXING)

    async with transactions() as tx:
        written = await tx.media_jobs.advance([news(job, 0.5) for job in (running, ahead, over, later)])

    assert written == {running.id, ahead.id}
    after = await found(transactions, running)
    assert (after.progress, after.bytes_done, after.bytes_total, after.speed) == (0.5, 7, 2**40, 3.5)
    assert (after.version, after.updated_at > running.updated_at) == (running.version + 1, True)
    assert (await found(transactions, ahead)).progress == 0.9
    for job in (over, later):
        assert await found(transactions, job) == job


async def test_a_row_that_is_being_changed_is_passed_over(transactions: Transactions):
    user = await a_user(transactions)
    held, free = await added(transactions, user.id), await added(transactions, user.id)
    async with transactions() as holder:
        await holder.media_jobs.get(held.id, lock=True)
        async with asyncio.timeout(30), transactions() as tx:
            assert await tx.media_jobs.advance([news(held, 0.5), news(free, 0.5)]) == {free.id}


async def test_jobs_at_work_are_written_about_once_a_second(transactions: Transactions):
    user = await a_user(transactions)
    jobs = [await added(transactions, user.id) for _ in range(3)]
    writer = ProgressWriter(transactions, MediaSettling(NoMediaEvents(), SystemClock()))
    seen = asyncio.Event()

    async def work(job: MediaJob) -> None:
        async with writer.step(job.id, MediaStep.DOWNLOADING) as meter:
            meter.note(MediaProgress(done=5, total=10, speed=1.0, fraction=0.5))
            await seen.wait()

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(work(job))
        async with asyncio.timeout(60):
            while {(await found(transactions, job)).bytes_done for job in jobs} != {5}:
                await asyncio.sleep(0.1)
        seen.set()
    assert {(await found(transactions, job)).progress for job in jobs} == {0.35}
