"""Collecting: from the engine's folder into the storage, whole or not at all, twice without harm."""

from tests.services.conftest import HASH, House

from sluicegate.core.errors import StorageFull
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.transfers import TransferState
from sluicegate.core.users import User
from sluicegate.providers.memory import Content

FILES = {"film.mkv": b"a film", "extras/notes.txt": b"notes"}


async def uploading(house: House, *users: User) -> list[Job]:
    """Jobs of these users that share one finished local transfer."""
    house.providers.local.define(HASH, Content(files=FILES, script=[TransferState.READY]))
    jobs = [await house.job(user) for user in users]
    for job in jobs:
        await house.cascade.place(job.id, engines=True)
    await house.sync.run("swarm", None)
    found = [await house.read(job.id) for job in jobs]
    assert {job.state for job in found} == {JobState.UPLOADING}
    return found


async def contents(house: House, job: Job) -> dict[str, bytes]:
    read = {}
    for file in await house.files(job.id):
        assert file.stored_key is not None
        read[file.path] = b"".join([chunk async for chunk in house.storages.local.read(file.stored_key)])
    return read


async def test_files_are_stored_then_the_job_is_ready_then_the_transfer_is_released(house: House):
    (job,) = await uploading(house, await house.user())
    assert await house.collection.store(job.id) is None
    ready = await house.read(job.id)
    assert (ready.state, ready.waiting) == (JobState.READY, "")
    assert await contents(house, job) == FILES
    assert house.providers.local.holdings("nobody") == []


async def test_running_it_twice_or_after_a_crash_before_the_commit_changes_nothing(house: House):
    (job,) = await uploading(house, await house.user())
    # The crash: every file has been adopted, and nothing was written down.
    for file in await house.providers.open("swarm", None).collect("1"):  # type: ignore[attr-defined]
        await house.storages.local.adopt(f"torrents/{HASH}/{file.path}", file.location, size=file.size)
    assert await house.collection.store(job.id) is None
    assert await house.collection.store(job.id) is None
    assert (await house.read(job.id)).state is JobState.READY
    assert await contents(house, job) == FILES


async def test_two_users_who_wait_for_one_transfer_both_get_their_files(house: House):
    first, second = await uploading(house, await house.user("ann"), await house.user("ben"))
    await house.collection.store(first.id)
    assert (await house.read(second.id)).state is JobState.READY
    assert await contents(house, first) == await contents(house, second) == FILES


async def test_a_full_storage_is_waited_for_and_explained(house: House, monkeypatch):
    (job,) = await uploading(house, await house.user())

    async def full(*_: object, **__: object) -> None:
        raise StorageFull("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(house.storages.local, "adopt", full)
        assert await house.collection.store(job.id) == 60.0
    waiting = await house.read(job.id)
    assert (waiting.state, waiting.waiting.startswith("The disk is full.")) == (JobState.UPLOADING, True)
    assert await house.collection.store(job.id) is None
    assert (await house.read(job.id)).state is JobState.READY


async def test_a_cancelled_job_leaves_nothing_unless_somebody_else_waits_for_it(house: House):
    ann, ben = await house.user("ann"), await house.user("ben")
    house.providers.local.define(HASH, Content(files=FILES, script=[TransferState.DOWNLOADING]))
    of_ann, of_ben = await house.job(ann), await house.job(ben)
    for job in (of_ann, of_ben):
        await house.cascade.place(job.id, engines=True)
    await house.library.cancel(ann.id, of_ann.id)
    await house.collection.cleanup(of_ann.id)
    assert len(house.providers.local.holdings("nobody")) == 1
    await house.library.cancel(ben.id, of_ben.id)
    await house.collection.cleanup(of_ben.id)
    assert house.providers.local.holdings("nobody") == []
