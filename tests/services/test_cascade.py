"""The cascade: who is asked, in which order, and what each answer means."""

import asyncio
from dataclasses import replace

from tests.services.cascade_house import decisions
from tests.services.conftest import HASH, House

from sluicegate.core.accounts import AccountState
from sluicegate.core.errors import (
    CredentialsRejected,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamTimeout,
)
from sluicegate.core.jobs import JobState
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import TransferState
from sluicegate.providers.memory import Content


async def test_without_an_account_our_own_engine_takes_it(house: House):
    job = await house.job(await house.user())
    assert await house.cascade.place(job.id, engines=True) is None
    placed = await house.read(job.id)
    assert (placed.provider, placed.transfer_id, placed.state) == ("swarm", "1", JobState.QUEUED)
    assert [(entry.rung, entry.verdict) for entry in await decisions(house, job)] == [("swarm", "accepted")]


async def test_a_process_without_engines_hands_over_instead_of_failing(house: House):
    job = await house.job(await house.user())
    assert await house.cascade.place(job.id, engines=False) is None
    assert (await house.read(job.id)).provider == ""
    assert house.providers.local.calls == []


async def test_an_account_that_has_it_is_asked_before_the_engine(house: House):
    user = await house.user()
    account = await house.account(user)
    house.providers.remote.define(HASH, Content(cached=True))
    job = await house.job(user)
    await house.cascade.place(job.id, engines=True)
    placed = await house.read(job.id)
    assert (placed.provider, placed.account_id) == ("torbox", account.id)
    assert (placed.state, placed.cached_in) == (JobState.CACHED_HIT, "torbox")
    assert house.providers.local.calls == []
    assert [entry.rule for entry in await decisions(house, job)] == ["cached-first"]


async def test_the_account_that_has_it_comes_before_an_older_one_that_has_not(house: House):
    user = await house.user()
    await house.account(user, label="old", token="token-of-the-old-one")
    second = await house.account(user, label="new", token="token-of-the-new-one")
    house.providers.remote.define(HASH, Content(cached=True))
    # What the old one has is "unknown" and not "no".
    house.providers.remote.revoke("token-of-the-old-one")
    job = await house.job(user)
    await house.cascade.place(job.id, engines=True)
    assert (await house.read(job.id)).account_id == second.id


async def test_a_transient_error_goes_on_to_the_next_rung_and_spends_nothing(house: House):
    user = await house.user()
    await house.account(user)
    for error in (UpstreamRateLimited(), UpstreamServerError(), UpstreamTimeout(), ProtocolError(), SlotsFull()):
        house.providers.remote.fail("submit_magnet", error)
        job = await house.job(user, f"{len(house.providers.remote.calls) + 1:040x}")
        await house.cascade.place(job.id, engines=True)
        assert (await house.read(job.id)).provider == "swarm"
        verdicts = [(entry.verdict, entry.rule) for entry in await decisions(house, job)]
        assert verdicts == [("failed-for-now", error.code), ("accepted", "engines-in-order")]


async def test_when_every_rung_fails_for_now_the_job_waits_and_says_for_what(house: House):
    user = await house.user()
    await house.account(user)
    house.providers.remote.fail("submit_magnet", UpstreamRateLimited("Too many calls.", retry_after=42.0))
    house.providers.local.fail("submit_magnet", UpstreamServerError("The engine rests."))
    job = await house.job(user)
    assert await house.cascade.place(job.id, engines=True) == 42.0
    waiting = await house.read(job.id)
    assert waiting.state is JobState.QUEUED
    assert waiting.waiting.startswith("torbox (home): Too many calls.")
    # The next try succeeds with the first rung: it was not spent.
    assert await house.cascade.place(job.id, engines=True) is None
    assert (await house.read(job.id)).provider == "torbox"


async def test_waiting_does_not_fill_the_trace(house: House):
    job = await house.job(await house.user())
    house.providers.local.fail("submit_magnet", *[UpstreamServerError() for _ in range(20)])
    for _ in range(20):
        assert await house.cascade.place(job.id, engines=True)
    assert len(await decisions(house, job)) == 1
    assert len(await house.trace(job.id)) == 2


async def test_nor_does_it_fill_a_trace_that_is_long_already(house: House):
    job = await house.job(await house.user())
    async with house.transactions() as tx:
        for number in range(520):
            await tx.traces.add(job.id, TraceEntry(job.created_at, "elsewhere", "left", "stalled", f"{number}"))
    house.providers.local.fail("submit_magnet", *[UpstreamServerError() for _ in range(3)])
    for _ in range(3):
        assert await house.cascade.place(job.id, engines=True)
    async with house.transactions() as tx:
        newest = await tx.traces.page(job.id, limit=10, newest=True)
    assert len([entry for entry in newest if entry.rung != "elsewhere"]) == 2


async def test_a_refusal_of_the_content_spends_the_rung_and_the_last_one_fails_the_job(house: House):
    user = await house.user()
    await house.account(user)
    house.providers.remote.fail("submit_magnet", SourceRejected("Not here."))
    house.providers.local.fail("submit_magnet", SourceRejected("Not here either."))
    job = await house.job(user)
    assert await house.cascade.place(job.id, engines=True) is None
    failed = await house.read(job.id)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "source_rejected")
    assert failed.error.startswith("Not here either.")
    assert [entry.verdict for entry in await decisions(house, job)] == ["refused", "refused", "failed"]


async def test_a_paused_account_is_left_out_and_the_trace_says_why(house: House):
    user = await house.user()
    await house.account(user, reason="The token was revoked. Make a new one.")
    async with house.transactions() as tx:
        (account,) = await tx.accounts.page(user.id)
        await tx.accounts.update(replace(account, state=AccountState.PAUSED))
    job = await house.job(user)
    await house.cascade.place(job.id, engines=True)
    assert house.providers.remote.calls == []
    skipped = (await decisions(house, job))[0]
    assert (skipped.verdict, skipped.rule) == ("skipped", "account-paused")
    assert "revoked" in skipped.words


async def test_a_refused_token_never_fails_a_job(house: House):
    user = await house.user()
    await house.account(user)
    house.providers.remote.fail("*", *[CredentialsRejected() for _ in range(4)])
    house.providers.local.fail("*", UpstreamServerError())
    job = await house.job(user)
    assert await house.cascade.place(job.id, engines=True) is not None
    assert (await house.read(job.id)).state is JobState.QUEUED


async def test_after_a_crash_between_create_and_commit_nothing_is_created_twice(house: House):
    job = await house.job(await house.user())
    async with house.transactions() as tx:
        assert not await tx.intents.open(job.id, "swarm", None)
    first = await house.providers.open("swarm", None).submit_magnet(parse_info_hash(HASH))
    house.providers.local.calls.clear()
    await house.cascade.place(job.id, engines=True)
    assert house.operations(house.providers.local) == ["list_page"]
    assert (await house.read(job.id)).transfer_id == first.transfer_id


async def test_a_job_cancelled_while_the_provider_is_asked_stays_cancelled(house: House):
    user = await house.user()
    job = await house.job(user)
    house.providers.local.delay("submit_magnet", 0.3)
    placing = asyncio.create_task(house.cascade.place(job.id, engines=True))
    await asyncio.sleep(0.1)
    await house.library.cancel(user.id, job.id)
    await placing
    cancelled = await house.read(job.id)
    assert cancelled.state is JobState.CANCELLED
    assert cancelled.transfer_id == "1", "the row knows what there is to clean up"
    await house.collection.cleanup(job.id)
    assert house.providers.local.holdings("nobody") == []


async def test_placing_twice_at_once_makes_one_transfer(house: House):
    job = await house.job(await house.user())
    await asyncio.gather(*(house.cascade.place(job.id, engines=True) for _ in range(2)))
    assert len(house.providers.local.holdings("nobody")) == 1


async def test_stored_copies_of_others_are_used_only_where_the_operator_shares(house: House):
    first, second = await house.user("ann"), await house.user("ben")
    house.providers.local.define(HASH, Content(files={"a.bin": b"content"}, script=[TransferState.READY]))
    job = await house.job(first)
    await house.cascade.place(job.id, engines=True)
    await house.sync.run("swarm", None)
    await house.collection.store(job.id)
    assert (await house.read(job.id)).state is JobState.READY
    house.providers.local.calls.clear()

    alone = await house.job(second)
    await house.cascade.place(alone.id, engines=True)
    assert "submit_magnet" in house.operations(house.providers.local)

    third = await house.user("cleo")
    shared = await house.job(third)
    await house.cascade_with(share_copies=True).place(shared.id, engines=True)
    ready = await house.read(shared.id)
    assert ready.state is JobState.READY
    assert [file.stored_key for file in await house.files(shared.id)] == [f"torrents/{HASH}/a.bin"]
