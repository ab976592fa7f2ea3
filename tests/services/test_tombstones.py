"""Removing: hidden at once, back on request, and at the end only what is ours goes, unless more was asked for."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.services.conftest import HASH, House

from sluicegate.core.accounts import AccountState
from sluicegate.core.errors import NotFound, UpstreamServerError
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.transfers import TransferState
from sluicegate.core.users import User
from sluicegate.providers.memory import Content
from sluicegate.services.tombstones import TombstoneService

TOKEN = "token-of-ann-1234567"


def graves(house: House, **grace: float) -> TombstoneService:
    span = timedelta(**grace) if grace else timedelta(days=30)
    return TombstoneService(house.transactions, house.providers, house.storages, house.clock, grace=span)


async def ready(house: House) -> tuple[User, Job]:
    user = await house.user()
    account = await house.account(user)
    house.providers.remote.define(HASH, Content(script=[TransferState.READY]))
    job = await house.job(user)
    await house.cascade.place(job.id, engines=False)
    await house.sync.run("torbox", account.id)
    return user, await house.read(job.id)


def held(house: House) -> int:
    return len(house.providers.remote.holdings(TOKEN))


async def test_nothing_goes_before_the_time_is_over(house: House):
    user, job = await ready(house)
    await graves(house).remove(user.id, job.id, at_provider=True)
    assert await graves(house).erase_due() == 0
    assert await graves(house).restore(user.id, job.id)
    after = await house.read(job.id)
    assert replace(after, version=0, updated_at=job.updated_at) == replace(job, version=0)
    assert held(house) == 1


async def test_at_the_end_our_row_goes_and_the_provider_keeps_its_copy(house: House):
    user, job = await ready(house)
    await graves(house).remove(user.id, job.id)
    assert await graves(house, seconds=0).erase_due() == 1
    with pytest.raises(NotFound):
        await house.read(job.id)
    assert await house.files(job.id) == []
    assert held(house) == 1
    assert "remove" not in house.operations(house.providers.remote)


async def test_the_providers_copy_goes_when_its_owner_asked_and_is_tried_until_it_works(house: House):
    user, job = await ready(house)
    await graves(house).remove(user.id, job.id, at_provider=True)
    house.providers.remote.fail("remove", UpstreamServerError("It rests."))
    assert await graves(house, seconds=0).erase_due() == 0
    assert (await house.read(job.id)).removed_at is not None
    assert await graves(house, seconds=0).erase_due() == 1
    assert held(house) == 0


async def test_a_paused_account_is_not_asked_and_the_wish_is_not_forgotten(house: House):
    user, job = await ready(house)
    await graves(house).remove(user.id, job.id, at_provider=True)
    async with house.transactions() as tx:
        (account,) = await tx.accounts.page(user.id)
        await tx.accounts.update(replace(account, state=AccountState.PAUSED))
    assert await graves(house, seconds=0).erase_due() == 0
    assert held(house) == 1


async def test_the_later_wish_counts(house: House):
    user, job = await ready(house)
    await graves(house).remove(user.id, job.id, at_provider=True)
    await graves(house).remove(user.id, job.id)
    assert await graves(house, seconds=0).erase_due() == 1
    assert held(house) == 1


async def test_an_own_copy_goes_with_the_last_job_that_names_it(house: House):
    ann, ben = await house.user("ann"), await house.user("ben")
    jobs = []
    for user in (ann, ben):
        job = await house.job(user)
        await house.cascade.place(job.id, engines=True)
        for _ in range(2):
            await house.sync.run("swarm", None)
        await house.collection.store(job.id)
        jobs.append(await house.read(job.id))
    assert [job.state for job in jobs] == [JobState.READY, JobState.READY]
    (file,) = await house.files(jobs[0].id)
    storage = house.storages.get("local")
    service = graves(house, seconds=0)
    await service.remove(ann.id, jobs[0].id)
    assert await service.erase_due() == 1
    assert (await storage.stat(file.stored_key)).size == file.size, "ben's job names it"
    await service.remove(ben.id, jobs[1].id)
    assert await service.erase_due() == 1
    with pytest.raises(Exception, match=r"(?i)no such|not there|does not exist|missing"):
        await storage.stat(file.stored_key)


async def test_an_unfinished_local_job_is_ended_and_starts_anew_when_brought_back(house: House):
    user = await house.user()
    house.providers.local.define(HASH, Content(script=[TransferState.DOWNLOADING]))
    job = await house.job(user)
    await house.cascade.place(job.id, engines=True)
    removed = await graves(house).remove(user.id, job.id)
    assert (removed.state, removed.removed_from) == (JobState.CANCELLED, JobState.QUEUED)
    assert await house.sync.run("swarm", None) is None, "nobody looks at what was removed"
    back = await graves(house).restore(user.id, job.id)
    assert (back.state, back.transfer_id, back.removed_at) == (JobState.QUEUED, "", None)
    await house.cascade.place(job.id, engines=True)
    assert (await house.read(job.id)).provider == "swarm"


async def test_foreign_jobs_cannot_be_removed_or_brought_back(house: House):
    user, job = await ready(house)
    with pytest.raises(NotFound):
        await graves(house).remove(uuid4(), job.id)
    await graves(house).remove(user.id, job.id)
    with pytest.raises(NotFound):
        await graves(house).restore(uuid4(), job.id)


async def test_what_was_removed_is_not_looked_for(house: House):
    user, job = await ready(house)
    await graves(house).remove(user.id, job.id)
    house.providers.remote.drop(TOKEN, job.transfer_id)
    house.providers.remote.calls.clear()
    await house.sync.run("torbox", job.account_id, now=True)
    assert (await house.read(job.id)).missing_since is None
