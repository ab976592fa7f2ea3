"""What a listing lacks: marks that come and go, patience, and the brake on mass removal."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.services.conftest import House

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.errors import IllegalMove, NotFound
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.looks import Look
from sluicegate.core.transfers import TransferState
from sluicegate.core.users import User
from sluicegate.providers.memory import Content
from sluicegate.providers.memory.world import Holding
from sluicegate.services.absence import SyncRules
from sluicegate.services.account_looks import AccountLooks
from sluicegate.services.sync import SyncService

TOKEN = "token-of-ann-1234567"


class Library:
    """A user with ready and unfinished jobs on one account."""

    def __init__(self, house: House, user: User, account: Account, jobs: list[Job]) -> None:
        self.house = house
        self.user = user
        self.account = account
        self.jobs = jobs

    async def sync(self, **rules: float) -> float | None:
        service = SyncService(
            self.house.transactions,
            self.house.providers,
            self.house.clock,
            SyncRules(**rules),  # type: ignore[arg-type]
        )
        return await service.run("torbox", self.account.id, now=True)

    def vanish(self, *jobs: Job) -> dict[str, Holding]:
        """Takes transfers out of the listing; what they were, to be put back."""
        held = self.house.providers.remote._accounts[TOKEN]
        return {job.transfer_id: held.pop(job.transfer_id) for job in jobs}

    def come_back(self, holdings: dict[str, Holding]) -> None:
        self.house.providers.remote._accounts[TOKEN] |= holdings

    async def read(self) -> list[Job]:
        return [await self.house.read(job.id) for job in self.jobs]

    async def missing(self) -> int:
        return sum(job.missing_since is not None for job in await self.read())

    async def look(self) -> Look:
        async with self.house.transactions() as tx:
            return (await tx.looks.of([self.account.id]))[self.account.id]


async def library(house: House, *, ready: int, unfinished: int = 0) -> Library:
    user = await house.user()
    account = await house.account(user)
    jobs = []
    for number in range(ready + unfinished):
        info_hash = f"{number + 1:040x}"
        state = TransferState.READY if number < ready else TransferState.DOWNLOADING
        house.providers.remote.define(info_hash, Content(script=[state]))
        job = await house.job(user, info_hash)
        await house.cascade.place(job.id, engines=False)
        jobs.append(job)
    found = Library(house, user, account, jobs)
    await found.sync()
    found.jobs = await found.read()
    assert sum(job.state is JobState.READY for job in found.jobs) == ready
    return found


async def test_a_ready_job_that_vanished_stays_ready_with_a_note_that_goes_again(house: House):
    home = await library(house, ready=4)
    gone = home.vanish(home.jobs[0])
    await home.sync()
    (noted, *others) = await home.read()
    assert (noted.state, noted.transfer_id) == (JobState.READY, home.jobs[0].transfer_id)
    assert noted.missing_since is not None
    assert "Nothing is removed here" in noted.missing
    assert others == home.jobs[1:], "the others were not touched"
    assert len(await house.files(noted.id)) == 1
    await home.sync()
    assert (await home.read())[0] == noted, "a second look says nothing new"
    home.come_back(gone)
    await home.sync()
    assert await home.missing() == 0
    assert (await home.look()).missing == 0


async def test_an_empty_listing_marks_nothing_and_asks_a_person(house: House):
    home = await library(house, ready=20, unfinished=10)
    everything = home.vanish(*home.jobs)
    before = await home.read()
    for _ in range(3):
        await home.sync(patience=0)
    after = await home.read()
    assert [(job.state, job.transfer_id, job.missing_since) for job in after] == [
        (job.state, job.transfer_id, None) for job in before
    ]
    look = await home.look()
    assert (look.held, look.held_of) == (30, 30)
    told = {job.waiting for job in after if not job.state.over}
    assert len(told) == 1
    assert told.pop().startswith("30 of 30 items of this account vanished from the provider's listing at once.")
    assert "get" not in house.operations(house.providers.remote), "nobody asks thirty times"
    home.come_back(everything)
    await home.sync()
    assert (await home.look()).held == 0, "it ends by itself"
    assert await home.missing() == 0


async def test_a_person_confirms_and_then_it_is_marked(house: House):
    home = await library(house, ready=20)
    home.vanish(*home.jobs[:15])
    await home.sync()
    assert await home.missing() == 0
    looks = AccountLooks(house.transactions, house.sync, house.clock)
    with pytest.raises(NotFound):
        await looks.confirm(UUID(int=1), home.account.id)
    told = await looks.confirm(home.user.id, home.account.id)
    assert told.look is not None
    assert (told.look.held, told.look.missing) == (0, 15)
    assert await home.missing() == 15
    with pytest.raises(IllegalMove):
        await looks.confirm(home.user.id, home.account.id)


async def test_a_confirmation_is_for_what_was_shown(house: House):
    home = await library(house, ready=20)
    home.vanish(*home.jobs[:10])
    await home.sync()
    async with house.transactions() as tx:
        await tx.looks.confirm(home.account.id, 10, house.now() + timedelta(hours=1))
    home.vanish(*home.jobs[10:])
    await home.sync()
    assert (await home.missing(), (await home.look()).held) == (0, 20)


async def test_vanishing_little_by_little_within_an_hour_is_at_once_too(house: House):
    home = await library(house, ready=20)
    counts = []
    for start in range(0, 10, 2):
        home.vanish(*home.jobs[start : start + 2])
        await home.sync(brake_share=0.2)
        counts.append(await home.missing())
    assert counts == [2, 4, 4, 4, 4]
    assert (await home.look()).held == 6


async def test_an_unfinished_job_is_looked_for_and_the_provider_itself_is_asked_first(house: House):
    """A page that moves while it is read hides a transfer; only the provider's own word sends a job elsewhere."""
    home = await library(house, ready=9, unfinished=1)
    job = home.jobs[9]
    world = house.providers.remote
    original = world.holdings
    world.holdings = lambda token: [h for h in original(token) if h.transfer.id != job.transfer_id]  # type: ignore[method-assign]
    await home.sync()
    assert (await house.read(job.id)).missing_since is not None
    world.calls.clear()
    await home.sync(patience=0)
    again = await house.read(job.id)
    assert (again.transfer_id, again.state) == (job.transfer_id, JobState.DOWNLOADING)
    assert house.operations(world).count("get") == 1
    world.drop(TOKEN, job.transfer_id)
    await home.sync(patience=0)
    await home.sync(patience=0)
    assert (await house.read(job.id)).transfer_id == ""
    assert (await house.trace(job.id))[-1].rule == "transfer_missing"


async def test_a_transfer_under_a_new_id_is_the_same_content(house: House):
    """Somebody removed it at the provider's page and handed it in again there."""
    home = await library(house, ready=9, unfinished=1)
    for number, job in ((0, home.jobs[0]), (9, home.jobs[9])):
        (holding,) = home.vanish(job).values()
        moved = replace(holding, transfer=replace(holding.transfer, id=f"new{number}"))
        home.come_back({f"new{number}": moved})
    await home.sync()
    after = await home.read()
    assert [(after[n].transfer_id, after[n].missing_since) for n in (0, 9)] == [("new0", None), ("new9", None)]
    (file,) = await house.files(home.jobs[0].id)
    assert file.locator == "torbox:new0:0"


async def test_ready_jobs_of_an_idle_account_are_looked_for_now_and_then(house: House):
    home = await library(house, ready=3)
    lately, now = house.now() - timedelta(hours=1), house.now()
    async with house.transactions() as tx:
        assert await tx.looks.overdue(lately, limit=10) == []
        assert await tx.looks.overdue(now, limit=10) == [("torbox", home.account.id)]
    home.vanish(home.jobs[0])
    assert await house.sync.run("torbox", home.account.id) is None
    assert await home.missing() == 0, "it was looked at a moment ago"
    assert await home.sync() is None
    assert await home.missing() == 1
    async with house.transactions() as tx:
        await tx.accounts.update(replace(home.account, state=AccountState.DISABLED))
        assert await tx.looks.overdue(house.now(), limit=10) == []
