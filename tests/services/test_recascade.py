"""Re-cascade: what stands still moves on by rule, nothing is lost on the way, and leftovers are looked after."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.services.cascade_house import ManyProviders, MovableClock, Wide, decisions, token
from tests.services.conftest import HASH, House

from sluicegate.core.accounts import AccountState
from sluicegate.core.cascade import CascadePreferences, CascadeRules
from sluicegate.core.errors import (
    CoolingDown,
    HeldBack,
    SlotsFull,
    SourceRejected,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamServerError,
    UpstreamTimeout,
)
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.magnets import parse_info_hash, parse_magnet
from sluicegate.core.sources import Magnet
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.core.users import User
from sluicegate.providers.memory import Content
from sluicegate.services.place_again import place_again
from sluicegate.services.recascade import judge
from sluicegate.services.sync import SyncService

RULES = CascadeRules(stalled=60, queued=120, limited=30, unreachable=300)
DOWNLOADING = Content(script=[TransferState.DOWNLOADING])


@pytest.fixture
def wide(house: House, tmp_path: Path) -> Wide:
    return Wide(house, ManyProviders(tmp_path / "engines"), MovableClock(), RULES)


async def standing(wide: Wide, progress: float = 0.4) -> tuple[User, Job]:
    """A job at TorBox that has come so far, with an account at Premiumize beside it."""
    user = await wide.house.user()
    for provider in ("torbox", "premiumize"):
        await wide.account(user, provider)
        wide.providers.worlds[provider].define(HASH, DOWNLOADING)
    wide.providers.local.define(HASH, DOWNLOADING)
    job = await wide.placed(await wide.house.job(user))
    assert job.provider == "torbox"
    show(wide, user, job, progress=progress, speed=0)
    return user, await synced(wide, job)


def show(wide: Wide, user: User, job: Job, **facts: Any) -> None:
    wide.providers.worlds[job.provider].show(token(user, job.provider), job.transfer_id, **facts)


async def synced(wide: Wide, job: Job) -> Job:
    sync = SyncService(wide.house.transactions, wide.providers, wide.clock)
    await sync.run(job.provider, job.account_id)
    return await wide.house.read(job.id)


async def story(wide: Wide, job: Job) -> list[tuple[str, str]]:
    return [(entry.verdict, entry.rule) for entry in await decisions(wide.house, job)]


async def test_a_transfer_that_stands_still_is_left_for_the_next_rung_and_stays_where_it_is(wide: Wide):
    user, job = await standing(wide)
    await wide.look(61)
    assert await wide.waiting_tasks("place") == [job.id]
    moved = await wide.placed(job)
    assert (moved.provider, moved.progress, moved.state) == ("premiumize", 0.4, JobState.DOWNLOADING)
    assert await story(wide, job) == [
        ("accepted", "own-in-order"),
        ("stalled", "stalled"),
        ("left", "moved-on"),
        ("accepted", "own-in-order"),
    ]
    kept = wide.providers.worlds["torbox"].holdings(token(user, "torbox"))
    assert [holding.transfer.id for holding in kept] == [job.transfer_id]


async def test_progress_that_a_client_has_seen_never_goes_back(wide: Wide):
    user, job = await standing(wide, progress=0.6)
    seen = [job.progress]
    await wide.look(61)
    moved = await wide.placed(job)
    for progress in (0.0, 0.2, 0.55, 0.61, 0.8):
        show(wide, user, moved, progress=progress, speed=10)
        seen.append((await synced(wide, moved)).progress)
        await wide.look(59)
    assert seen == sorted(seen)
    assert seen[-1] == 0.8
    assert (await wide.house.read(job.id)).provider == "premiumize", (
        "behind the old one's progress is not standing still"
    )


async def test_a_transfer_that_moves_or_was_just_placed_is_left_alone(wide: Wide):
    user, job = await standing(wide)
    for step in range(6):
        show(wide, user, job, progress=0.4 + step / 50)
        await synced(wide, job)
        await wide.look(45)
    assert (await wide.house.read(job.id)).transfer_id == job.transfer_id
    assert await story(wide, job) == [("accepted", "own-in-order")]


async def test_news_that_the_sync_has_not_seen_yet_are_asked_for_before_anything_is_decided(wide: Wide):
    user, job = await standing(wide)
    show(wide, user, job, progress=0.45)
    await wide.look(61)
    assert await story(wide, job) == [("accepted", "own-in-order")]


async def test_one_listing_serves_all_jobs_of_an_account_that_stand_still(wide: Wide):
    user, _ = await standing(wide)
    for number in range(8):
        info_hash = f"{number + 1:040x}"
        wide.providers.worlds["torbox"].define(info_hash, DOWNLOADING)
        await wide.placed(await wide.house.job(user, info_hash))
    wide.providers.worlds["torbox"].calls.clear()
    await wide.look(61)
    assert [call.operation for call in wide.providers.worlds["torbox"].calls] == ["list_page"]


async def test_without_another_way_it_stays_and_is_told_once(wide: Wide):
    user, job = await standing(wide)
    for world in (wide.providers.worlds["premiumize"], wide.providers.local):
        world.fail("submit_magnet", SourceRejected("No."))
    for _ in range(4):
        await wide.look(61)
        await wide.placed(job)
    stays = await wide.house.read(job.id)
    assert (stays.provider, stays.transfer_id, stays.state) == ("torbox", job.transfer_id, JobState.DOWNLOADING)
    told = await story(wide, job)
    assert told.count(("stalled", "stalled")) == 1
    assert told.count(("kept", "no-other-way")) == 1
    show(wide, user, stays, state=TransferState.READY, progress=1.0)
    assert (await synced(wide, stays)).state is JobState.READY


async def test_the_one_that_was_left_is_used_when_it_is_ready_first(wide: Wide):
    user, job = await standing(wide)
    await wide.look(61)
    moved = await wide.placed(job)
    show(wide, user, job, state=TransferState.READY, progress=1.0)
    await wide.look(1)
    back = await wide.house.read(job.id)
    assert (back.provider, back.transfer_id) == ("torbox", job.transfer_id)
    assert (await synced(wide, back)).state is JobState.READY
    assert ("accepted", "ready-first") in await story(wide, job)
    await wide.look(1)
    assert ("left", "kept-there") in await story(wide, job)
    assert len(wide.providers.worlds["premiumize"].holdings(token(user, "premiumize"))) == 1, moved


@pytest.mark.parametrize("tidy", [False, True])
async def test_what_was_left_is_removed_only_by_rule_and_only_when_the_job_is_ready(wide: Wide, tidy: bool):
    wide.rules = replace(RULES, tidy=tidy)
    user, job = await standing(wide)
    await wide.look(61)
    moved = await wide.placed(job)
    await wide.look(1)
    assert len(wide.providers.worlds["torbox"].holdings(token(user, "torbox"))) == 1
    show(wide, user, moved, state=TransferState.READY, progress=1.0)
    await synced(wide, moved)
    await wide.look(1)
    left = wide.providers.worlds["torbox"].holdings(token(user, "torbox"))
    assert len(left) == (0 if tidy else 1)
    assert (("removed", "tidy") if tidy else ("left", "kept-there")) in await story(wide, job)
    calls = len(wide.providers.worlds["torbox"].calls)
    await wide.look(1)
    assert len(wide.providers.worlds["torbox"].calls) == calls, "what is settled is not looked at again"


async def test_a_job_whose_way_was_lost_on_the_way_is_sent_once_more(wide: Wide):
    _, job = await standing(wide)
    await wide.look(61)
    async with wide.house.database._engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM tasks.pgqueuer WHERE entrypoint = 'place'")
    await wide.look(61)
    assert await wide.waiting_tasks("place") == [], "it may be on its way"
    await wide.look(1000)
    assert await wide.waiting_tasks("place") == [job.id]
    assert (await story(wide, job)).count(("stalled", "stalled")) == 1


async def test_nothing_is_noted_of_jobs_that_are_over(wide: Wide):
    user, job = await standing(wide)
    await wide.look(1)
    show(wide, user, job, state=TransferState.READY, progress=1.0)
    await synced(wide, job)
    await wide.look(1)
    async with wide.house.database._engine.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM placements")).scalar() == 0


async def test_a_job_that_a_feed_has_brought_says_so_for_good(wide: Wide):
    user = await wide.house.user()
    await wide.account(user, "torbox")
    wide.providers.worlds["torbox"].define(HASH, Content(cached=True))
    job, _ = await wide.house.submit.submit(user.id, parse_info_hash(HASH), patience=0, cached_in="rss")
    placed = await wide.placed(job)
    assert (placed.state, placed.provider, placed.cached_in) == (JobState.CACHED_HIT, "torbox", "rss")


async def test_a_transfer_that_our_own_engine_left_behind_goes_when_the_job_is_ready(wide: Wide):
    user = await wide.house.user()
    wide.providers.local.define(HASH, DOWNLOADING)
    job = await wide.placed(await wide.house.job(user))
    await wide.account(user, "torbox")
    wide.providers.worlds["torbox"].define(HASH, DOWNLOADING)
    await wide.look(61)
    moved = await wide.placed(job)
    assert (job.provider, moved.provider) == ("swarm", "torbox")
    show(wide, user, moved, state=TransferState.READY, progress=1.0)
    await synced(wide, moved)
    await wide.look(1)
    assert wide.providers.local.holdings("nobody") == []


async def test_a_job_that_ends_while_another_way_is_taken_keeps_what_it_has(wide: Wide):
    user, job = await standing(wide)
    await wide.look(61)
    wide.providers.worlds["premiumize"].delay("submit_magnet", 0.5)
    moving = asyncio.create_task(wide.cascade.place(job.id, engines=True))
    async with asyncio.timeout(30):
        while not wide.providers.worlds["premiumize"].calls[-1:] or (
            wide.providers.worlds["premiumize"].calls[-1].operation != "submit_magnet"
        ):
            await asyncio.sleep(0.01)
    show(wide, user, job, state=TransferState.READY, progress=1.0)
    await synced(wide, job)
    await moving
    ready = await wide.house.read(job.id)
    assert (ready.state, ready.provider, ready.transfer_id) == (JobState.READY, "torbox", job.transfer_id)
    assert ("unused", "too-late") in await story(wide, job)


async def test_a_paused_account_lets_its_jobs_go_after_the_time_for_being_out_of_reach(wide: Wide):
    _, job = await standing(wide)
    async with wide.house.transactions() as tx:
        account = await tx.accounts.get(job.account_id)
        await tx.accounts.update(replace(account, state=AccountState.PAUSED, reason="The token was revoked."))
    await wide.look(299)
    assert await story(wide, job) == [("accepted", "own-in-order")]
    await wide.look(10)
    moved = await wide.placed(job)
    assert moved.provider == "premiumize"
    assert ("stalled", "unreachable") in await story(wide, job)


async def test_a_dead_transfer_moves_on_at_once_or_fails_where_the_rule_is_off(wide: Wide):
    user, job = await standing(wide)
    show(wide, user, job, state=TransferState.FAILED, detail="no seeds")
    after = await synced(wide, job)
    assert (after.transfer_id, after.progress) == ("", 0.4)
    assert await wide.waiting_tasks("place") == [job.id]
    wide.rules = replace(RULES, dead=False)
    failed = await wide.placed(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "transfer_failed")
    assert "no seeds" in failed.error
    wide.rules = RULES
    again = await wide.placed(await wide.house.job(user))
    assert again.id != job.id


async def test_a_provider_that_loses_it_again_and_again_is_not_asked_for_ever(wide: Wide):
    user, job = await standing(wide)
    for _ in range(3):
        world = wide.providers.worlds["torbox"]
        assert job.provider == "torbox"
        async with wide.house.transactions() as tx:
            await place_again(tx, job, wide.clock.now(), verdict="lost", rule="transfer_missing", words="Gone.")
        world.drop(token(user, "torbox"), job.transfer_id)
        job = await wide.placed(job)
    assert job.provider == "premiumize"


def test_each_rule_has_its_time_and_its_switch():
    def rule(seconds: float, transfer: Transfer | None = None, error: Any = None, **changes: Any) -> str:
        wanted = CascadePreferences(min_seeds=changes.pop("min_seeds", None))
        verdict = judge(replace(RULES, **changes), wanted, seconds, transfer, error)
        return verdict.rule if verdict else ""

    def transfer(state: TransferState, **facts: Any) -> Transfer:
        return Transfer("1", state, **facts)

    still = transfer(TransferState.STALLED, seeders=2)
    assert [rule(59, still), rule(60, still), rule(9e9, still, stalled=0)] == ["", "stalled", ""]
    assert rule(60, still, min_seeds=3) == "min-seeds"
    assert rule(60, still, min_seeds=2) == "stalled"
    claims = transfer(TransferState.DOWNLOADING, speed=5)
    assert [rule(239, claims), rule(240, claims)] == ["", "stalled"], "a speed is believed for longer, not for ever"
    assert rule(60, transfer(TransferState.RESOLVING)) == "no-metadata"
    assert rule(60, transfer(TransferState.UNKNOWN)) == "stalled"
    for state in (TransferState.QUEUED, TransferState.SELECTING):
        assert [rule(119, transfer(state)), rule(120, transfer(state))] == ["", "queued-too-long"]
        assert rule(9e9, transfer(state), queued=0) == ""
    for error in (UpstreamQuota(), CoolingDown(), SlotsFull()):
        assert [rule(29, error=error), rule(30, error=error), rule(9e9, error=error, limited=0)] == ["", "limit", ""]
    for error in (UpstreamTimeout(), UpstreamServerError(), UpstreamRateLimited()):
        assert [rule(299, error=error), rule(300, error=error)] == ["", "unreachable"]
        assert rule(9e9, error=error, unreachable=0) == ""
    assert rule(9e9, error=HeldBack()) == "", "we did not ask"
    for state in (TransferState.READY, TransferState.FAILED):
        assert rule(9e9, transfer(state)) == "", "the sync sees the same"
    assert rule(9e9, None) == ""


async def test_a_create_whose_answer_and_look_are_both_lost_is_found_by_the_next_try(wide: Wide):
    user = await wide.house.user()
    await wide.account(user, "torbox")
    torbox = wide.providers.worlds["torbox"]
    wide.providers.local.fail("submit_magnet", UpstreamServerError("Busy."), UpstreamServerError("Busy."))
    job = await wide.house.job(user)
    await lose_the_answer(wide, user, job)
    torbox.fail("list_page", UpstreamRateLimited("Slower."))
    assert await wide.cascade.place(job.id, engines=True) is not None, "the look was refused: still in doubt"
    placed = await wide.placed(job)
    assert (placed.provider, placed.transfer_id) == ("torbox", torbox.holdings(token(user, "torbox"))[0].transfer.id)
    assert len(torbox.holdings(token(user, "torbox"))) == 1


async def lose_the_answer(wide: Wide, user: User, job: Job) -> None:
    """TorBox makes the transfer, but neither says so nor lists anything."""
    torbox = wide.providers.worlds["torbox"]
    torbox.add(token(user, "torbox"), job.info_hash, job.source_kind)
    torbox.fail("submit_magnet", UpstreamTimeout("No answer."))
    torbox.fail("list_page", UpstreamTimeout("No listing."))
    assert await wide.cascade.place(job.id, engines=True) is not None


async def test_an_orphan_of_a_job_that_went_elsewhere_is_found_and_told(wide: Wide):
    user = await wide.house.user()
    for provider in ("torbox", "premiumize"):
        await wide.account(user, provider)
        wide.providers.worlds[provider].define(HASH, DOWNLOADING)
    torbox = wide.providers.worlds["torbox"]
    torbox.add(token(user, "torbox"), HASH, (await wide.house.job(user)).source_kind)
    torbox.fail("submit_magnet", UpstreamTimeout("No answer."))
    torbox.fail("list_page", UpstreamTimeout("No listing."))
    job = await wide.placed(await wide.house.job(user))
    assert job.provider == "premiumize"
    await wide.look(1)
    assert (await wide.house.read(job.id)).provider == "premiumize", "it is looked at, and neither is ready"
    show(wide, user, job, state=TransferState.READY, progress=1.0)
    await synced(wide, job)
    await wide.look(1)
    entries = [(e.rung, e.verdict, e.rule) for e in await decisions(wide.house, job)]
    assert ("torbox (home)", "left", "kept-there") in entries
    assert len(torbox.holdings(token(user, "torbox"))) == 1, "it may have been there before us: it stays"


async def test_a_create_that_made_nothing_is_forgotten(wide: Wide):
    user = await wide.house.user()
    for provider in ("torbox", "premiumize"):
        await wide.account(user, provider)
        wide.providers.worlds[provider].define(HASH, DOWNLOADING)
    wide.providers.worlds["torbox"].fail("submit_magnet", UpstreamTimeout("No answer."))
    job = await wide.placed(await wide.house.job(user))
    await wide.look(1)
    assert ("cleared", "nothing-there") in await story(wide, job)
    calls = len(wide.providers.worlds["torbox"].calls)
    await wide.look(1)
    assert len(wide.providers.worlds["torbox"].calls) == calls


async def test_a_slot_that_becomes_free_places_the_job_that_waited_longest_at_once(wide: Wide):
    user = await wide.house.user()
    await wide.account(user, "torbox")
    wide.rules = replace(RULES, order=RULES.order[:-1])
    torbox = wide.providers.worlds["torbox"]
    torbox.define(HASH, DOWNLOADING)
    running = await wide.placed(await wide.house.job(user))
    waiting = []
    for number in (1, 2):
        torbox.fail("submit_magnet", SlotsFull("All slots are taken.", retry_after=300.0))
        job = await wide.house.job(user, f"{number:040x}")
        assert await wide.cascade.place(job.id, engines=False) == 300.0
        waiting.append(job)
        wide.clock.ahead += 1
    async with wide.house.database._engine.begin() as connection:
        # As the worker puts them back: to be run again in five minutes.
        await connection.exec_driver_sql("UPDATE tasks.pgqueuer SET execute_after = now() + interval '300 s'")
    assert await wide.waiting_tasks("place") == []
    show(wide, user, running, state=TransferState.READY, progress=1.0)
    await synced(wide, running)
    assert await wide.waiting_tasks("place") == [waiting[0].id], "one slot, one job, the oldest"
    assert (await wide.placed(waiting[0])).provider == "torbox"
    async with wide.house.transactions() as tx:
        assert await tx.placements.next_waiting(running.account_id) == waiting[1].id


async def test_a_magnet_after_its_bare_hash_adds_its_trackers_and_our_engine_hears_of_them(wide: Wide):
    user = await wide.house.user()
    job = await wide.placed(await wide.house.job(user))
    assert job.provider == "swarm"
    full = parse_magnet(f"magnet:?xt=urn:btih:{HASH}&dn=Film&tr=udp%3A%2F%2Ft.example%3A1&x.pe=192.0.2.1:5&xl=7")
    for _ in range(2):
        same, created = await wide.house.submit.submit(user.id, full, patience=0)
        assert (same.id, created) == (job.id, False)
    async with wide.house.transactions() as tx:
        source = await tx.jobs.source(job.id)
    assert isinstance(source, Magnet)
    assert (source.trackers, source.peers, source.name, source.size) == (full.trackers, full.peers, "Film", 7)
    assert await wide.waiting_tasks("engine_introduce") == [job.id]
    wide.providers.local.calls.clear()
    await wide.cascade.introduce(job.id)
    assert [call.operation for call in wide.providers.local.calls] == ["submit_magnet"]
    assert (await wide.house.read(job.id)).transfer_id == job.transfer_id
