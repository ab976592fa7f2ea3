"""Library jobs in a real database."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.db.samples import a_job, a_user, some_hash, tick

from sluicegate.core.errors import Conflict, NotFound
from sluicegate.core.jobs import ACTIVE_STATES, JobState
from sluicegate.core.sources import Magnet, Nzb, SourceKind, TorrentFile, WebLink
from sluicegate.db.unit_of_work import Transactions

_TORRENT = (
    b"d8:announce23:http://tracker.test/ann4:infod6:lengthi5e4:name5:a.bin12:piece lengthi16384e"
    b"6:pieces20:aaaaaaaaaaaaaaaaaaaaee"
)


async def test_a_job_comes_back_as_it_was_given(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(
        user.id,
        name="Ünï 🎬",
        size=2**40,
        progress=0.25,
        speed=2**33,
        provider="torbox",
        account_id=uuid4(),
        transfer_id="7",
        cached_in="torbox",
        waiting="No seeders yet.",
        error_code="x",
        error="y",
        state=JobState.DOWNLOADING,
        version=4,
    )
    async with transactions() as tx:
        assert await tx.jobs.add(job) == (job, True)
    async with transactions() as tx:
        assert await tx.jobs.get(job.id) == job
        assert await tx.jobs.get(job.id, user_id=user.id, lock=True) == job


async def test_a_foreign_or_unknown_job_is_not_found(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id)
    async with transactions() as tx:
        await tx.jobs.add(job)
    async with transactions() as tx:
        with pytest.raises(NotFound):
            await tx.jobs.get(job.id, user_id=uuid4())
        with pytest.raises(NotFound):
            await tx.jobs.get(uuid4())
        with pytest.raises(NotFound):
            await tx.jobs.source(uuid4())


async def test_a_thousand_concurrent_submits_of_one_hash_make_one_job(transactions: Transactions):
    user = await a_user(transactions)

    async def submit():
        async with transactions() as tx:
            return await tx.jobs.add(a_job(user.id, seed="the same"))

    outcomes = await asyncio.gather(*(submit() for _ in range(1000)))
    assert len({job.id for job, _ in outcomes}) == 1
    assert sum(created for _, created in outcomes) == 1


@pytest.mark.parametrize(
    ("state", "created"),
    [(state, state in {JobState.FAILED, JobState.CANCELLED}) for state in JobState],
)
async def test_only_a_failed_or_cancelled_job_may_be_submitted_again(transactions: Transactions, state, created):
    user = await a_user(transactions)
    first = a_job(user.id, seed=1, state=state)
    async with transactions() as tx:
        await tx.jobs.add(first)
    async with transactions() as tx:
        job, is_new = await tx.jobs.add(a_job(user.id, seed=1))
    assert is_new is created
    assert (job.id != first.id) is created


async def test_two_users_have_their_own_jobs_for_one_hash(transactions: Transactions):
    for _ in range(2):
        user = await a_user(transactions)
        async with transactions() as tx:
            assert (await tx.jobs.add(a_job(user.id, seed=1)))[1]


async def test_a_rolled_back_job_never_was(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id)

    async def fail_after_adding():
        async with transactions() as tx:
            await tx.jobs.add(job)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_adding()
    async with transactions() as tx:
        with pytest.raises(NotFound):
            await tx.jobs.get(job.id)


async def test_pages_are_newest_first_and_lose_nothing(transactions: Transactions):
    user, other = await a_user(transactions), await a_user(transactions)
    at = tick()
    jobs = [a_job(user.id, created_at=at) for _ in range(5)] + [a_job(user.id) for _ in range(6)]
    async with transactions() as tx:
        for job in [*jobs, a_job(other.id)]:
            await tx.jobs.add(job)
    expected = sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)
    async with transactions() as tx:
        assert await tx.jobs.page(user.id, limit=100, offset=0) == expected
        paged = [job for offset in range(0, 12, 4) for job in await tx.jobs.page(user.id, limit=4, offset=offset)]
        assert await tx.jobs.page(user.id, limit=4, offset=11) == []
    assert paged == expected


async def test_pages_by_state(transactions: Transactions):
    user = await a_user(transactions)
    jobs = [a_job(user.id, state=state) for state in JobState]
    async with transactions() as tx:
        for job in jobs:
            await tx.jobs.add(job)
    async with transactions() as tx:
        found = await tx.jobs.page(user.id, limit=10, offset=0, states=frozenset({JobState.READY, JobState.QUEUED}))
        none = await tx.jobs.page(user.id, limit=10, offset=0, states=frozenset())
    assert {job.state for job in found} == {JobState.READY, JobState.QUEUED}
    assert none == []


async def test_an_update_writes_every_changeable_field_and_counts(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id)
    async with transactions() as tx:
        await tx.jobs.add(job)
    wanted = replace(
        job,
        state=JobState.DOWNLOADING,
        name="n",
        size=3,
        progress=1.0,
        speed=0,
        provider="torbox",
        account_id=uuid4(),
        transfer_id="t",
        cached_in="torbox",
        waiting="w",
        error_code="e",
        error="f",
    )
    async with transactions() as tx:
        after = await tx.jobs.update(wanted)
    assert after == replace(wanted, version=2, updated_at=after.updated_at)
    assert after.updated_at > job.updated_at
    async with transactions() as tx:
        assert await tx.jobs.get(job.id) == after


async def test_the_slower_of_two_writers_is_refused(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id)
    async with transactions() as tx:
        await tx.jobs.add(job)
    async with transactions() as tx:
        await tx.jobs.update(replace(job, progress=0.5))
    with pytest.raises(Conflict):
        async with transactions() as tx:
            await tx.jobs.update(replace(job, progress=0.1))
    with pytest.raises(NotFound):
        async with transactions() as tx:
            await tx.jobs.update(a_job(user.id))
    async with transactions() as tx:
        assert (await tx.jobs.get(job.id)).progress == 0.5


async def test_a_lock_makes_the_second_reader_wait_for_the_first_writer(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id)
    async with transactions() as tx:
        await tx.jobs.add(job)
    locked = asyncio.Event()

    async def slow_writer():
        async with transactions() as tx:
            mine = await tx.jobs.get(job.id, lock=True)
            locked.set()
            await asyncio.sleep(0.2)
            await tx.jobs.update(replace(mine, progress=0.5))

    async def second_writer():
        await locked.wait()
        async with transactions() as tx:
            mine = await tx.jobs.get(job.id, lock=True)
            return await tx.jobs.update(replace(mine, progress=mine.progress + 0.25))

    _, after = await asyncio.gather(slow_writer(), second_writer())
    assert (after.progress, after.version) == (0.75, 3)


async def test_in_flight_is_per_provider_and_account(transactions: Transactions):
    user = await a_user(transactions)
    account = uuid4()
    held = {"state": JobState.DOWNLOADING, "transfer_id": "1"}
    mine = a_job(user.id, provider="torbox", account_id=account, **held)
    local = a_job(user.id, provider="swarm", **held)
    others = [
        a_job(user.id, provider="torbox", account_id=uuid4(), **held),
        a_job(user.id, provider="realdebrid", account_id=account, **held),
        a_job(user.id, provider="torbox", account_id=account, state=JobState.QUEUED),
        a_job(user.id, provider="torbox", account_id=account, state=JobState.READY, transfer_id="2"),
    ]
    async with transactions() as tx:
        for job in [mine, local, *others]:
            await tx.jobs.add(job)
    async with transactions() as tx:
        assert await tx.jobs.in_flight("torbox", account) == [mine]
        assert await tx.jobs.in_flight("swarm", None) == [local]


async def test_the_sweep_sees_every_unfinished_job_once(transactions: Transactions):
    user = await a_user(transactions)
    jobs = [a_job(user.id, state=state) for state in JobState for _ in range(2)]
    async with transactions() as tx:
        for job in jobs:
            await tx.jobs.add(job)
    seen, after = [], None
    while True:
        async with transactions() as tx:
            page = await tx.jobs.unfinished(limit=3, after=after)
        seen += page
        if len(page) < 3:
            break
        after = page[-1].id
    assert [job.id for job in seen] == sorted(job.id for job in jobs if job.state in ACTIVE_STATES)


async def test_the_source_comes_back(transactions: Transactions):
    user = await a_user(transactions)
    magnet = a_job(user.id, seed="m")
    torrent = a_job(user.id, seed="t")
    web = a_job(user.id, source_kind=SourceKind.WEB, source_uri="https://files.test/a.bin")
    nzb_link = a_job(user.id, source_kind=SourceKind.USENET, source_uri="https://nzb.test/1", name="n1")
    nzb_file = a_job(user.id, source_kind=SourceKind.USENET, source_uri="nzb:", name="n2")
    async with transactions() as tx:
        for job, raw in [(magnet, None), (torrent, _TORRENT), (web, None), (nzb_link, None), (nzb_file, b"<nzb/>")]:
            await tx.jobs.add(job, torrent=raw)
    async with transactions() as tx:
        assert await tx.jobs.source(magnet.id) == Magnet(info_hash=some_hash("m"))
        found = await tx.jobs.source(torrent.id)
        assert isinstance(found, TorrentFile)
        assert found.raw == _TORRENT
        assert await tx.jobs.source(web.id) == WebLink("https://files.test/a.bin")
        assert await tx.jobs.source(nzb_link.id) == Nzb("n1", url="https://nzb.test/1")
        assert await tx.jobs.source(nzb_file.id) == Nzb("n2", raw=b"<nzb/>")


async def test_many_jobs_advance_in_one_statement_and_the_changed_are_left_alone(transactions: Transactions):
    user = await a_user(transactions)
    jobs = [a_job(user.id, state=JobState.DOWNLOADING, progress=0.5) for _ in range(5)]
    async with transactions() as tx:
        for job in jobs:
            await tx.jobs.add(job)
    async with transactions() as tx:
        await tx.jobs.update(replace(jobs[0], waiting="Somebody was faster."))
        await tx.jobs.update(replace(jobs[1], removed_at=tick()))
    news = [replace(job, progress=0.2 if job is jobs[2] else 0.7, speed=9, size=2**40, name="Ünï") for job in jobs]
    async with transactions() as tx:
        assert await tx.jobs.advance(news) == 3
        assert await tx.jobs.advance([]) == 0
    async with transactions() as tx:
        after = [await tx.jobs.get(job.id) for job in jobs]
    assert [job.progress for job in after] == [0.5, 0.5, 0.5, 0.7, 0.7], "it never runs backwards"
    assert [job.version for job in after] == [2, 2, 2, 2, 2]
    assert (after[4].speed, after[4].size, after[4].name) == (9, 2**40, "Ünï")


async def test_advances_that_meet_never_wait_in_a_circle(transactions: Transactions):
    user = await a_user(transactions)
    jobs = [a_job(user.id, state=JobState.DOWNLOADING) for _ in range(50)]
    async with transactions() as tx:
        for job in jobs:
            await tx.jobs.add(job)

    async def write(order: int) -> int:
        async with transactions() as tx:
            return await tx.jobs.advance([replace(job, progress=0.5) for job in jobs[::order]])

    assert sorted(await asyncio.gather(*(write(order) for order in (1, -1, 1, -1)))) == [0, 0, 0, 50]


async def test_the_last_look_marks_once_and_takes_back(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id, state=JobState.READY)
    since = tick()
    async with transactions() as tx:
        await tx.jobs.add(job)
        assert await tx.jobs.mark_missing([job.id], since, "It is gone.") == 1
        assert await tx.jobs.mark_missing([job.id], tick(), "It is gone again.") == 0
        marked = await tx.jobs.get(job.id)
        assert (marked.missing_since, marked.missing, marked.version) == (since, "It is gone.", 2)
        assert (await tx.jobs.mark_seen([job.id]), await tx.jobs.mark_seen([job.id])) == (1, 0)
        assert (await tx.jobs.get(job.id)).missing_since is None


async def test_pages_follow_what_is_removed_brought_back_and_erased(transactions: Transactions):
    user = await a_user(transactions)
    jobs = [a_job(user.id, state=JobState.READY) for _ in range(6)]
    async with transactions() as tx:
        for job in jobs:
            await tx.jobs.add(job)

    async def shown() -> list[int]:
        async with transactions() as tx:
            page = await tx.jobs.page(user.id, limit=10, offset=1)
            some = await tx.jobs.page(user.id, limit=10, offset=1, states=frozenset({JobState.READY}))
        assert page == some
        return [[job.id for job in jobs].index(job.id) for job in page]

    assert await shown() == [4, 3, 2, 1, 0]
    async with transactions() as tx:
        removed = [await tx.jobs.update(replace(jobs[n], removed_at=tick())) for n in (5, 2)]
        assert [job.id for job in await tx.jobs.removed(user.id, limit=5, offset=0)] == [jobs[2].id, jobs[5].id]
    assert await shown() == [3, 1, 0]
    async with transactions() as tx:
        await tx.jobs.update(replace(removed[0], removed_at=None))
        await tx.jobs.erase(removed[1].id)
        await tx.jobs.erase(jobs[0].id)
    assert await shown() == [4, 3, 1, 0], "what is not removed is not erased"
