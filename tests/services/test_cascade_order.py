"""The cascade's order: own copies, cached accounts, the user's Torrin, the shared pool, own downloads, our engines."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.services.cascade_house import ManyProviders, MovableClock, Wide, decisions, token
from tests.services.conftest import HASH, House

from sluicegate.core.accounts import AccountState, Credential
from sluicegate.core.cascade import CascadePreferences, CascadeRules, Group
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import InvalidInput, SourceRejected, UpstreamServerError, UpstreamTimeout
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.learned import LearnedFact
from sluicegate.core.magnets import parse_magnet
from sluicegate.core.manifest import CallLimit, read_manifest
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import UnitOfWork
from sluicegate.core.provider import Provider
from sluicegate.core.sources import WebLink
from sluicegate.core.users import User
from sluicegate.net.flights import Flights
from sluicegate.net.pacing import Pacing
from sluicegate.providers.memory import Content
from sluicegate.services.account_pause import is_usable
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.shared_pool import shared_accounts
from sluicegate.services.simulate import SimulateService
from sluicegate.wiring.paced import Pacer


@pytest.fixture
def wide(house: House, tmp_path: Path) -> Wide:
    return Wide(house, ManyProviders(tmp_path / "engines"), MovableClock())


async def pool(wide: Wide, *providers: str) -> User:
    operator = await wide.house.user("operator")
    for provider in providers:
        await wide.account(operator, provider, label="private words of the operator")
    wide.rules = replace(wide.rules, pool_user="operator")
    return operator


async def asked(wide: Wide, job: Job) -> list[str]:
    """The providers that were asked to take it, in order; a shared one has a +."""
    verdicts = {"accepted", "refused", "failed-for-now"}
    entries = [entry for entry in await decisions(wide.house, job) if entry.verdict in verdicts]
    return [e.rung.split()[1] + "+" if e.rung.startswith("pool: ") else e.rung.split()[0] for e in entries]


async def all_refuse(wide: Wide) -> None:
    for world in (*wide.providers.worlds.values(), wide.providers.local):
        world.fail("submit_magnet", *[SourceRejected("No.") for _ in range(9)])


async def test_everybody_is_asked_in_the_documented_order(wide: Wide):
    await pool(wide, "alldebrid", "realdebrid", "torbox", "torrin", "premiumize")
    user = await wide.house.user()
    for provider in ("realdebrid", "torbox", "torrin"):
        await wide.account(user, provider)
    wide.providers.worlds["torbox"].define(HASH, Content(cached=True))
    await all_refuse(wide)
    job = await wide.placed(await wide.house.job(user))
    assert job.state is JobState.FAILED
    assert await asked(wide, job) == [
        "torbox", "torrin", "premiumize+", "torbox+", "realdebrid+", "alldebrid+", "realdebrid", "swarm",
    ]  # fmt: skip
    skipped = [entry for entry in await decisions(wide.house, job) if entry.verdict == "skipped"]
    assert [entry.rule for entry in skipped] == ["own-torrin-first"]


async def test_without_an_own_torrin_the_shared_one_has_its_place(wide: Wide):
    await pool(wide, "torbox", "torrin", "premiumize")
    job = await wide.house.job(await wide.house.user())
    await all_refuse(wide)
    assert await asked(wide, await wide.placed(job)) == ["premiumize+", "torrin+", "torbox+", "swarm"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((Group.CACHED, Group.TORRIN, Group.POOL), ["torrin", "premiumize+"]),
        ((Group.OWN, Group.POOL), ["realdebrid", "torrin", "premiumize+"]),
        ((Group.ENGINES,), ["swarm"]),
        ((Group.POOL, Group.ENGINES, Group.TORRIN), ["premiumize+", "swarm", "torrin"]),
    ],
)
async def test_the_order_is_a_setting_and_what_it_leaves_out_is_not_asked(wide: Wide, order, expected):
    wide.rules = CascadeRules(order=order)
    await pool(wide, "premiumize")
    user = await wide.house.user()
    for provider in ("realdebrid", "torrin"):
        await wide.account(user, provider)
    await all_refuse(wide)
    job = await wide.placed(await wide.house.job(user))
    assert await asked(wide, job) == expected
    rules = [entry.rule for entry in await decisions(wide.house, job) if entry.verdict == "skipped"]
    assert ("no-engines" in rules) == (Group.ENGINES not in order)


async def test_preferred_providers_come_first_in_each_group(wide: Wide):
    user = await wide.house.user()
    for provider in ("torbox", "premiumize", "realdebrid", "alldebrid"):
        await wide.account(user, provider)
    for provider in ("torbox", "premiumize"):
        wide.providers.worlds[provider].define(HASH, Content(cached=True))
    await wide.prefer(user, prefer=("alldebrid", "premiumize"))
    await all_refuse(wide)
    job = await wide.placed(await wide.house.job(user))
    assert await asked(wide, job) == ["premiumize", "torbox", "alldebrid", "realdebrid", "swarm"]


async def test_the_trace_tells_what_everybody_said_and_how_long_it_took(wide: Wide):
    user = await wide.house.user()
    for provider in ("torbox", "premiumize", "realdebrid"):
        await wide.account(user, provider)
    wide.providers.worlds["torbox"].define(HASH, Content(cached=False))
    wide.providers.worlds["premiumize"].fail("availability", UpstreamTimeout("It was too slow."))
    job = await wide.placed(await wide.house.job(user))
    trace = {(e.rung, e.verdict): e for e in await wide.house.trace(job.id)}
    assert trace["own copies", "skipped"].rule == "not-shared"
    assert trace["torbox (home)", "has-not"].latency_ms is not None
    assert "too slow" in trace["premiumize (home)", "unknown"].words
    assert trace["realdebrid (home)", "unknown"].rule == "cannot-be-asked"
    assert trace["realdebrid (home)", "unknown"].latency_ms is None, "it was not asked"
    assert trace["premiumize (home)", "accepted"].latency_ms is not None


async def test_what_was_seen_at_a_silent_provider_counts_as_had(wide: Wide):
    user = await wide.house.user()
    for provider in ("torbox", "realdebrid"):
        await wide.account(user, provider)
    async with wide.house.transactions() as tx:
        await learn(tx, "realdebrid", wide)
    job = await wide.placed(await wide.house.job(user))
    assert job.provider == "realdebrid"
    assert "seen-there" in [entry.rule for entry in await wide.house.trace(job.id)]


async def learn(tx: UnitOfWork, provider: str, wide: Wide) -> None:
    await tx.learned.learn([LearnedFact(provider, HASH, cached=True, seen_at=wide.clock.now(), size=5)])


async def test_only_cached_takes_nothing_that_must_be_downloaded(wide: Wide):
    await pool(wide, "premiumize")
    user = await wide.house.user()
    for provider in ("torbox", "realdebrid"):
        await wide.account(user, provider)
    wide.providers.worlds["torbox"].define(HASH, Content(cached=False))
    await wide.prefer(user, only_cached=True)
    job = await wide.placed(await wide.house.job(user))
    assert (job.state, job.error_code) == (JobState.FAILED, "condition_unmet")
    assert await asked(wide, job) == []
    rules = {e.rung.split(" (")[0]: e.rule for e in await decisions(wide.house, job) if e.verdict == "skipped"}
    assert rules == dict.fromkeys(("pool: premiumize", "torbox", "realdebrid", "swarm"), "only-cached")


async def test_only_cached_waits_while_somebody_could_not_say(wide: Wide):
    user = await wide.house.user()
    await wide.account(user, "torbox")
    wide.providers.worlds["torbox"].fail("availability", UpstreamServerError("Down for a moment."))
    wide.providers.worlds["torbox"].define(HASH, Content(cached=True))
    await wide.prefer(user, only_cached=True)
    job = await wide.house.job(user)
    assert await wide.cascade.place(job.id, engines=True) is not None
    assert (await wide.house.read(job.id)).state is JobState.QUEUED
    assert (await wide.placed(job)).provider == "torbox"


async def test_only_cached_waits_for_a_paused_account_that_may_have_it(wide: Wide):
    user = await wide.house.user()
    account = await wide.account(user, "torbox")
    async with wide.house.transactions() as tx:
        await tx.accounts.update(replace(account, state=AccountState.PAUSED, reason="The token was revoked."))
    await wide.prefer(user, only_cached=True)
    job = await wide.placed(await wide.house.job(user))
    assert job.state is JobState.QUEUED
    assert job.waiting == "Waiting for the account torbox (home): The token was revoked."


async def test_a_size_over_the_users_largest_is_refused_before_anything_is_created(wide: Wide):
    user = await wide.house.user()
    await wide.account(user, "torbox")
    wide.providers.worlds["torbox"].define(HASH, Content(files={"a.bin": b"123456789"}, cached=True))
    await wide.prefer(user, max_size=8)
    job = await wide.placed(await wide.house.job(user))
    assert (job.state, job.error_code) == (JobState.FAILED, "condition_unmet")
    assert "submit_magnet" not in [call.operation for call in wide.providers.worlds["torbox"].calls]
    assert "9 bytes" in job.error


async def test_the_size_of_a_magnet_counts_and_an_unknown_one_is_told(wide: Wide):
    user = await wide.house.user()
    await wide.prefer(user, max_size=1000)
    large, _ = await wide.house.submit.submit(
        user.id, parse_magnet(f"magnet:?xt=urn:btih:{'cd' * 20}&xl=1001"), patience=0
    )
    assert (await wide.placed(large)).error_code == "condition_unmet"
    unknown = await wide.placed(await wide.house.job(user))
    assert unknown.provider == "swarm"
    said = [(e.verdict, e.rule) for e in await wide.house.trace(unknown.id) if e.rung == "conditions"]
    assert said == [("unknown", "max-size")]


async def test_content_that_turns_out_to_be_too_large_ends_and_our_own_bytes_go(wide: Wide):
    user = await wide.house.user()
    await wide.prefer(user, max_size=3)
    wide.providers.local.define(HASH, Content(files={"a.bin": b"too large"}))
    job = await wide.placed(await wide.house.job(user))
    async with wide.house.transactions() as tx:
        await tx.jobs.update(replace(job, size=9))
    await wide.look(1)
    ended = await wide.house.read(job.id)
    assert (ended.state, ended.error_code) == (JobState.FAILED, "condition_unmet")
    assert await wide.waiting_tasks("engine_cleanup") == [job.id]


async def test_seeders_that_nobody_knows_are_told_with_the_acceptance(wide: Wide):
    user = await wide.house.user()
    await wide.prefer(user, min_seeds=5)
    job = await wide.placed(await wide.house.job(user))
    assert "not known yet; below 5" in (await decisions(wide.house, job))[-1].words


async def test_a_link_has_no_hash_and_goes_to_own_accounts_first(wide: Wide):
    await pool(wide, "premiumize")
    user = await wide.house.user()
    await wide.account(user, "realdebrid")
    job, _ = await wide.house.submit.submit(user.id, WebLink("https://host.example/file.bin"), patience=0)
    placed = await wide.placed(job)
    assert placed.provider == "realdebrid"
    assert all(call.operation != "availability" for w in wide.providers.worlds.values() for call in w.calls)


@pytest.mark.parametrize(
    "wrong",
    [
        CascadePreferences(prefer=("nobody",)),
        CascadePreferences(prefer=("swarm",)),
        CascadePreferences(prefer=("torbox", "torbox")),
        CascadePreferences(max_size=0),
        CascadePreferences(max_size=2**63),
        CascadePreferences(min_seeds=-1),
        CascadePreferences(min_seeds=10**9),
    ],
)
async def test_preferences_that_make_no_sense_are_refused_and_not_kept(wide: Wide, wrong: CascadePreferences):
    user = await wide.house.user()
    with pytest.raises(InvalidInput) as caught:
        await wide.preferences.set(user.id, wrong)
    assert caught.value.field in {"prefer", "max_size", "min_seeds"}
    assert await wide.preferences.get(user.id) == CascadePreferences()


async def test_preferences_are_kept_per_user(wide: Wide):
    ann, ben = await wide.house.user("ann"), await wide.house.user("ben")
    mine = CascadePreferences(("torrin", "torbox"), only_cached=True, max_size=2**63 - 1, min_seeds=0)
    await wide.preferences.set(ann.id, CascadePreferences(max_size=5))
    await wide.preferences.set(ann.id, mine)
    assert await wide.preferences.get(ann.id) == mine
    assert await wide.preferences.get(ben.id) == CascadePreferences()


async def test_one_users_account_never_serves_another_user(wide: Wide):
    """T38, T25: only the named pool is shared, and nothing of its operator shows."""
    operator = await pool(wide, "premiumize", "torbox")
    ann, ben = await wide.house.user("ann"), await wide.house.user("ben")
    for provider in ("premiumize", "torbox", "torrin", "realdebrid"):
        await wide.account(ann, provider, label="of ann")
        wide.providers.worlds[provider].define(HASH, Content(cached=True))
    wide.providers.worlds["premiumize"].fail("submit_magnet", UpstreamServerError("Down."))
    job = await wide.placed(await wide.house.job(ben))
    assert (job.provider, job.user_id) == ("torbox", ben.id)
    tokens = {used for _, used in wide.providers.opened}
    assert tokens == {token(operator, "premiumize"), token(operator, "torbox")}
    story = " ".join(f"{e.rung} {e.words}" for e in await wide.house.trace(job.id))
    assert "of ann" not in story
    assert "private words" not in story
    assert "pool: torbox" in story, "which account of the pool took it is on record"
    async with wide.house.transactions() as tx:
        account = await tx.accounts.get(job.account_id)
    assert account.user_id == operator.id


async def test_without_a_named_pool_nobody_is_shared(wide: Wide):
    """T38."""
    ann, ben = await wide.house.user("ann"), await wide.house.user("ben")
    await wide.account(ann, "torbox")
    wide.providers.worlds["torbox"].define(HASH, Content(cached=True))
    assert (await wide.placed(await wide.house.job(ben))).provider == "swarm"
    simulated = await wide.simulate.simulate(ben.id, parse_magnet(f"magnet:?xt=urn:btih:{'ef' * 20}"))
    assert [step.rung for step in simulated.steps] == ["swarm"]
    assert wide.providers.opened == []


async def test_the_pools_own_user_sees_the_accounts_as_own(wide: Wide):
    operator = await pool(wide, "premiumize")
    job = await wide.placed(await wide.house.job(operator))
    assert await asked(wide, job) == ["premiumize"]


async def test_a_shared_account_that_is_paused_is_left_out_without_its_reason(wide: Wide):
    operator = await pool(wide, "premiumize")
    async with wide.house.transactions() as tx:
        (account,) = await tx.accounts.page(operator.id)
        await tx.accounts.update(replace(account, state=AccountState.PAUSED, reason="Call 555-0100 about the bill."))
    assert not is_usable(replace(account, state=AccountState.PAUSED))
    job = await wide.placed(await wide.house.job(await wide.house.user()))
    assert job.provider == "swarm"
    assert "555-0100" not in " ".join(entry.words for entry in await wide.house.trace(job.id))


async def test_a_simulation_tells_the_same_plan_and_creates_nothing(wide: Wide):
    await pool(wide, "premiumize", "torrin")
    user = await wide.house.user()
    for provider in ("torbox", "realdebrid"):
        await wide.account(user, provider)
    wide.providers.worlds["torbox"].define(HASH, Content(files={"a": b"12"}, cached=True))
    told = await wide.simulate.simulate(user.id, parse_magnet(f"magnet:?xt=urn:btih:{HASH}"))
    assert (told.outcome, told.rung, told.size, told.job) == ("cached", "torbox (home)", 2, None)
    planned = [step.rung.split(" (")[0] for step in told.steps if step.verdict == "would-try"]
    assert planned == ["torbox", "pool: premiumize", "pool: torrin", "realdebrid", "swarm"]
    calls = [call.operation for world in wide.providers.worlds.values() for call in world.calls]
    assert calls == ["availability"]
    assert wide.providers.local.calls == []
    async with wide.house.transactions() as tx:
        assert await tx.jobs.page(user.id, limit=9, offset=0) == []


async def test_a_simulation_names_the_job_that_exists_and_a_condition_that_nobody_meets(wide: Wide):
    user = await wide.house.user()
    job = await wide.house.job(user)
    told = await wide.simulate.simulate(user.id, parse_magnet(f"magnet:?xt=urn:btih:{HASH}"))
    assert (told.outcome, told.job.id if told.job else None) == ("existing", job.id)
    await wide.prefer(user, only_cached=True, max_size=10)
    large = parse_magnet(f"magnet:?xt=urn:btih:{'cd' * 20}&xl=11")
    assert (await wide.simulate.simulate(user.id, large)).outcome == "nobody"
    small = parse_magnet(f"magnet:?xt=urn:btih:{'cd' * 20}&xl=9")
    nobody = await wide.simulate.simulate(user.id, small)
    assert (nobody.outcome, [step.rule for step in nobody.steps]) == ("nobody", ["only-cached"])


async def test_the_shared_pool_is_asked_what_it_has_before_it_is_asked_to_take_something(wide: Wide):
    """Its order is the operator's, but who has the content at once comes first; nothing is tried blindly."""
    await pool(wide, "premiumize", "torbox", "alldebrid")
    wide.providers.worlds["torbox"].define(HASH, Content(cached=True))
    user = await wide.house.user()
    await wide.prefer(user, only_cached=True)
    told = await wide.simulate.simulate(user.id, parse_magnet(f"magnet:?xt=urn:btih:{HASH}"))
    assert (told.outcome, told.rung.split(" (")[0]) == ("cached", "pool: torbox")
    job = await wide.placed(await wide.house.job(user))
    assert (job.provider, await asked(wide, job)) == ("torbox", ["torbox+"])
    assert "submit_magnet" not in [call.operation for call in wide.providers.worlds["premiumize"].calls]


async def test_the_shared_pool_is_not_asked_about_what_the_user_has(wide: Wide):
    await pool(wide, "premiumize")
    user = await wide.house.user()
    await wide.account(user, "torbox")
    wide.providers.worlds["torbox"].define(HASH, Content(cached=True))
    assert (await wide.placed(await wide.house.job(user))).provider == "torbox"
    assert wide.providers.worlds["premiumize"].calls == []


async def test_many_jobs_at_once_are_one_question_to_an_account(wide: Wide):
    await pool(wide, "premiumize")
    user = await wide.house.user()
    wide.providers.worlds["premiumize"].define(f"{7:040x}", Content(cached=True))
    probe = AccountProbe(wide.house.transactions, wide.providers, wide.clock)
    async with wide.house.transactions() as tx:
        accounts = await shared_accounts(tx, user.id, wide.rules)
    sources = [parse_magnet(f"magnet:?xt=urn:btih:{number:040x}") for number in range(1, 51)]
    answers = await asyncio.gather(*(probe.answers(accounts, source) for source in sources))
    assert [number for number, told in enumerate(answers, 1) if told[accounts[0].id].cached] == [7]
    assert [call.operation for call in wide.providers.worlds["premiumize"].calls] == ["availability"]
    wide.providers.worlds["premiumize"].fail("availability", UpstreamServerError("Down for a moment."))
    sources = [parse_magnet(f"magnet:?xt=urn:btih:{number:040x}") for number in range(100, 103)]
    answers = await asyncio.gather(*(probe.answers(accounts, source) for source in sources))
    assert {told[accounts[0].id].error.code for told in answers} == {UpstreamServerError.code}


async def test_a_simulation_over_an_exhausted_ledger_says_so_and_calls_nobody(wide: Wide):
    """The budget belongs to real work: what the ledger holds back is unknown, not "no"."""
    user = await wide.house.user()
    await wide.account(user, "torbox")
    wide.providers.worlds["torbox"].define(HASH, Content(cached=True))
    pacing = Pacing(wide.house.database.ledger(), SystemClock())
    paced = _Paced(wide.providers, Pacer(pacing, Flights()), (CallLimit("*", 1, 3600),))
    spent = SimulateService(wide.house.transactions, paced, AccountProbe(wide.house.transactions, paced, wide.clock))
    first = await spent.simulate(user.id, parse_magnet(f"magnet:?xt=urn:btih:{'ef' * 20}"))
    told = await spent.simulate(user.id, parse_magnet(f"magnet:?xt=urn:btih:{HASH}"))
    assert [call.operation for call in wide.providers.worlds["torbox"].calls] == ["availability"], "the first one alone"
    assert "held_back" not in [step.rule for step in first.steps]
    step = told.steps[0]
    assert (step.rung, step.verdict, step.rule) == ("torbox (home)", "unknown", "held_back")
    assert "could not say whether it has it" in step.words
    assert (told.outcome, told.rung) == ("download", "torbox (home)")


class _Paced:
    """Providers whose every call is spent through the accounts' ledger."""

    def __init__(self, providers: ManyProviders, pacer: Pacer, limits: tuple[CallLimit, ...]) -> None:
        self._providers = providers
        self._pacer = pacer
        self._limits = limits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._providers, name)

    def open(self, name: str, credential: Credential, *, priority: Priority) -> Provider:
        manifest = replace(read_manifest("sluicegate.providers.torbox"), limits=self._limits)
        return self._pacer.pace(self._providers.open(name, credential), manifest, credential, priority)
