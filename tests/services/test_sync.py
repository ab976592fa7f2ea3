"""Sync: what news about a transfer does to its job, and what it never does."""

import pytest
from tests.services.conftest import HASH, House

from sluicegate.core.accounts import AccountState
from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    CredentialsRejected,
    ProtocolError,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamTimeout,
)
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.looks import Outcome
from sluicegate.core.transfers import TransferState
from sluicegate.core.users import User
from sluicegate.providers.memory import Content
from sluicegate.services.absence import SyncRules
from sluicegate.services.sync import SyncAction, SyncService

TOKEN = "token-of-ann-1234567"


async def placed(house: House, script: list[TransferState], info_hash: str = HASH) -> tuple[User, Job]:
    """A job on a remote account whose transfer goes through ``script``."""
    user = await house.user()
    await house.account(user)
    house.providers.remote.define(info_hash, Content(files={"a/film.mkv": b"12345", "b.txt": b"1"}, script=script))
    job = await house.job(user, info_hash)
    await house.cascade.place(job.id, engines=True)
    return user, await house.read(job.id)


async def test_a_transfer_that_is_ready_makes_the_job_ready_with_its_files(house: House):
    _, job = await placed(house, [TransferState.DOWNLOADING, TransferState.READY])
    assert await house.sync.run("torbox", job.account_id) == 10.0
    assert (await house.read(job.id)).state is JobState.DOWNLOADING
    await house.sync.run("torbox", job.account_id)
    ready = await house.read(job.id)
    assert (ready.state, ready.progress, ready.size) == (JobState.READY, 1.0, 6)
    assert [(f.index, f.path, f.size, f.locator) for f in await house.files(job.id)] == [
        (0, "a/film.mkv", 5, "torbox:1:0"),
        (1, "b.txt", 1, "torbox:1:1"),
    ]
    assert await house.sync.run("torbox", job.account_id) is None, "nothing is in flight any more"


def later(house: House) -> SyncService:
    """The sync of a house whose patience is over."""
    return SyncService(house.transactions, house.providers, house.clock, SyncRules(patience=0))


async def test_files_are_selected_where_the_provider_waits_for_it(house: House):
    _, job = await placed(house, [TransferState.SELECTING, TransferState.DOWNLOADING, TransferState.READY])
    for _ in range(3):
        await house.sync.run("torbox", job.account_id)
    assert (await house.read(job.id)).state is JobState.READY
    assert house.operations(house.providers.remote).count("select") == 1


async def test_progress_never_goes_backwards_and_an_unknown_state_changes_nothing(house: House):
    _, job = await placed(house, [TransferState.DOWNLOADING])
    show = house.providers.remote.show
    show(TOKEN, job.transfer_id, progress=0.6, state=TransferState.DOWNLOADING)
    await house.sync.run("torbox", job.account_id)
    show(TOKEN, job.transfer_id, progress=0.2, state=TransferState.QUEUED)
    await house.sync.run("torbox", job.account_id)
    show(TOKEN, job.transfer_id, progress=0.1, state=TransferState.UNKNOWN, detail="warming_up")
    await house.sync.run("torbox", job.account_id)
    after = await house.read(job.id)
    assert (after.state, after.progress) == (JobState.DOWNLOADING, 0.6)
    assert "warming_up" in after.waiting


async def test_one_listing_serves_all_jobs_of_an_account(house: House):
    user, job = await placed(house, [TransferState.DOWNLOADING])
    for number in range(20):
        other = await house.job(user, f"{number + 1:040x}")
        await house.cascade.place(other.id, engines=True)
    house.providers.remote.calls.clear()
    house.providers.remote.page_size = 7
    await house.sync.run("torbox", job.account_id)
    listings = [call for call in house.providers.remote.calls if call.operation == "list_page"]
    assert len(listings) == 3
    assert "get" not in house.operations(house.providers.remote)


@pytest.mark.parametrize(
    "error",
    [UpstreamTimeout, UpstreamServerError, ProtocolError, UpstreamRateLimited, UpstreamQuota, CoolingDown],
)
async def test_a_transient_error_changes_the_words_and_nothing_else(house: House, error):
    _, job = await placed(house, [TransferState.DOWNLOADING])
    house.providers.remote.fail("list_page", error("Not now.", retry_after=77.0))
    assert await house.sync.run("torbox", job.account_id) == 77.0
    after = await house.read(job.id)
    assert (after.state, after.transfer_id, after.error) == (job.state, job.transfer_id, "")
    assert after.waiting.startswith("Not now.")


async def test_an_error_on_page_two_is_not_a_short_list(house: House):
    user, job = await placed(house, [TransferState.DOWNLOADING])
    second = await house.job(user, "bb" * 20)
    await house.cascade.place(second.id, engines=True)
    second = await house.read(second.id)
    house.providers.remote.page_size = 1
    provider_calls = house.providers.remote
    original = provider_calls.enter

    async def enter(operation: str, account: str, token: str, subject: str) -> None:
        await original(operation, account, token, subject)
        if operation == "list_page" and subject:
            raise ProtocolError("A cut page.")

    provider_calls.enter = enter  # type: ignore[method-assign]
    await house.sync.run("torbox", job.account_id)
    for before in (job, second):
        after = await house.read(before.id)
        assert (after.transfer_id, after.missing_since) == (before.transfer_id, None)
    # The newest transfer was on page one.
    assert (await house.read(second.id)).state is JobState.READY
    unread = await house.read(job.id)
    assert (unread.state, unread.waiting[:11]) == (job.state, "A cut page.")
    async with house.transactions() as tx:
        (look,) = (await tx.looks.of([job.account_id])).values()
    assert (look.outcome, look.listed, look.whole_at) == (Outcome.PARTIAL, 1, None)
    assert look.words.startswith("Page 2 of the listing could not be read; the 1 transfers before it are up to date")


@pytest.mark.parametrize("error", [CredentialsRejected, AccountLocked])
async def test_what_a_person_must_mend_pauses_the_account_and_keeps_the_job(house: House, error):
    user, job = await placed(house, [TransferState.DOWNLOADING])
    house.providers.remote.fail("list_page", error("The token is gone."))
    assert await house.sync.run("torbox", job.account_id) is None
    async with house.transactions() as tx:
        (account,) = await tx.accounts.page(user.id)
    assert account.state is AccountState.PAUSED
    assert account.reason.startswith("The token is gone.")
    after = await house.read(job.id)
    assert (after.transfer_id, after.state.over) == (job.transfer_id, False)


async def test_a_transfer_that_died_moves_on_and_never_comes_back_to_that_rung(house: House):
    _, job = await placed(house, [TransferState.FAILED])
    await house.sync.run("torbox", job.account_id)
    again = await house.read(job.id)
    assert (again.state, again.transfer_id) == (JobState.QUEUED, "")
    await house.cascade.place(job.id, engines=True)
    assert (await house.read(job.id)).provider == "swarm"
    verdicts = [entry.verdict for entry in await house.trace(job.id)]
    assert [verdict for verdict in verdicts if verdict in {"accepted", "failed"}] == ["accepted", "failed", "accepted"]


async def test_a_transfer_that_vanished_is_looked_for_and_then_placed_again_also_there(house: House):
    _, job = await placed(house, [TransferState.DOWNLOADING])
    house.providers.remote.drop(TOKEN, job.transfer_id)
    await house.sync.run("torbox", job.account_id)
    missing = await house.read(job.id)
    assert (missing.state, missing.transfer_id) == (job.state, job.transfer_id), "one look ends nothing"
    assert missing.missing_since is not None
    assert "does not list this transfer" in missing.missing
    await house.sync.run("torbox", job.account_id)
    assert await house.read(job.id) == missing
    await later(house).run("torbox", job.account_id)
    given_back = await house.read(job.id)
    assert (given_back.transfer_id, given_back.missing_since) == ("", None)
    await house.cascade.place(job.id, engines=True)
    again = await house.read(job.id)
    assert (again.provider, again.transfer_id != job.transfer_id) == ("torbox", True)


async def test_asking_about_one_job_now(house: House):
    user, job = await placed(house, [TransferState.DOWNLOADING, TransferState.READY])
    outcome = await house.sync.run_one(user.id, job.id)
    assert outcome.action is SyncAction.PROGRESS_UPDATED
    house.providers.remote.fail("get", UpstreamServerError("It rests."))
    failed = await house.sync.run_one(user.id, job.id)
    assert (failed.action, failed.reason, failed.job.state) == (SyncAction.ERROR, "It rests.", JobState.DOWNLOADING)
    assert (await house.sync.run_one(user.id, job.id)).action is SyncAction.MARKED_READY
    assert (await house.sync.run_one(user.id, job.id)).action is SyncAction.NO_CHANGE
