"""Accounts against the sandbox: what is wrong is said with what to do, and nothing is ever lost by it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import aiohttp
import pytest

from sluicegate.core.account_calls import CallOutcome
from sluicegate.core.accounts import Account, AccountState, Credential
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import (
    AccountLocked,
    AlreadyExists,
    CredentialsRejected,
    ForbiddenAddress,
    HeldBack,
    InvalidInput,
    NotFound,
    TransferMissing,
    UpstreamError,
)
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.pacing import Priority
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import SourceKind
from sluicegate.core.users import User
from sluicegate.db.database import Database
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.flights import Flights
from sluicegate.net.http import Http
from sluicegate.net.pacing import Pacing
from sluicegate.sandbox.server import SandboxServer
from sluicegate.services.account_calls import AccountCallService, by_class
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.accounts import AccountService, NewAccount
from sluicegate.services.cascade import CascadeService
from sluicegate.services.submit import SubmitService
from sluicegate.services.sync import SyncService
from sluicegate.services.vault import AesVault
from sluicegate.wiring.installation import AddressCheck
from sluicegate.wiring.paced import Pacer
from sluicegate.wiring.providers import REMOTE, remote_providers
from sluicegate.wiring.registry import ProviderRegistry

PROVIDERS = tuple(kind.name for kind in REMOTE)
CHOOSY = tuple(name for name in PROVIDERS if name != "smokedebrid")
"""SmokeDebrid takes every token."""


class Stage:
    """One user, the account service and the jobs' services, on a sandbox."""

    def __init__(self, database: Database, vault: AesVault, http: Http, sandbox: str) -> None:
        self.clock = SystemClock()
        self.sandbox = sandbox
        self.transactions = database.transactions
        self.ledger = database.ledger()
        self.history = AccountCallService(database.transactions, self.clock)
        pacer = Pacer(Pacing(self.ledger, self.clock, note=self.history.note), Flights())
        self.providers = ProviderRegistry(remote_providers(http, sandbox=sandbox), {}, pacer)
        self.accounts = AccountService(
            self.transactions, self.providers, vault, self.ledger, self.clock, AddressCheck(http.egress)
        )
        self.submit = SubmitService(self.transactions, database.changes, self.clock)
        probe = AccountProbe(self.transactions, self.providers, self.clock)
        self.cascade = CascadeService(self.transactions, self.providers, probe, self.clock)
        self.sync = SyncService(self.transactions, self.providers, self.clock)
        self.user = User(uuid4(), "ann", self.clock.now())

    async def add(self, provider: str, token: str = "sandbox-ann", *, check: bool = True, **more: object) -> Account:
        new = NewAccount(provider, Secret(token), **more)  # type: ignore[arg-type]
        return await self.accounts.add(self.user.id, new, check=check)

    async def job(self, info_hash: str = "ab" * 20) -> Job:
        job, _ = await self.submit.submit(self.user.id, parse_info_hash(info_hash), patience=0)
        return job

    async def read(self, job_id: UUID) -> Job:
        async with self.transactions() as tx:
            return await tx.jobs.get(job_id)

    async def control(self, path: str, /, **body: object) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.sandbox}/_control/{path}", json=body) as done,
        ):
            assert done.status == 200, await done.text()

    async def calls(self) -> list[dict[str, object]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.sandbox}/_control/calls") as answer:
            return (await answer.json())["items"]  # type: ignore[no-any-return]


@pytest.fixture
async def stage(database: Database, vault: AesVault) -> AsyncIterator[Stage]:
    async with SandboxServer() as sandbox:
        egress = Egress(EgressPolicy.parse(sandbox.url.removeprefix("http://")))
        http = Http(egress)
        stage = Stage(database, vault, http, sandbox.url)
        async with database.transactions() as tx:
            await tx.users.add(stage.user)
        yield stage
        await http.aclose()
        egress.close()


async def test_an_account_is_added_checked_and_shows_no_token(stage: Stage):
    for provider in PROVIDERS:
        account = await stage.add(provider, "sandbox-a-long-enough-name")
        assert (account.state, account.reason) == (AccountState.OK, "")
        assert account.facts
        assert account.facts.premium is not False
        assert (await stage.accounts.check(account.id)).state is AccountState.OK
        assert "sandbox-a-long" not in repr(account)
        assert account.token_hint == "…name"


@pytest.mark.parametrize("token", ["wrong-token-of-somebody", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"])
async def test_a_wrong_token_is_not_kept_and_the_error_says_where_to_get_one(stage: Stage, token: str):
    for provider in CHOOSY:
        with pytest.raises(CredentialsRejected) as refused:
            await stage.add(provider, token)
        assert "accounts add" in refused.value.action
        assert stage.providers.manifest(provider).token_help in refused.value.action
        assert token not in refused.value.detail + refused.value.action
    assert await stage.accounts.page(stage.user.id) == []


@pytest.mark.parametrize("plan", ["free", "expired", "locked"])
async def test_an_account_that_cannot_be_used_is_paused_with_the_next_action(stage: Stage, plan: str):
    # A store passes on what it is told: Torrin's serves free accounts.
    providers = [name for name in CHOOSY if (name, plan) != ("stremthru", "free")]
    for provider in providers:
        account = await stage.add(provider, f"sandbox-{plan}-ann", check=False)
        assert account.state is AccountState.UNTESTED
        checked = await stage.accounts.check(account.id)
        assert (provider, checked.state) == (provider, AccountState.PAUSED)
        assert len(checked.reason) > 30
    assert len(await stage.accounts.page(stage.user.id)) == len(providers), "none is deleted"
    job = await stage.job()
    assert await stage.cascade.place(job.id, engines=False), "it waits"
    waiting = await stage.read(job.id)
    assert waiting.state is JobState.QUEUED
    assert "Waiting for the account" in waiting.waiting


@pytest.mark.parametrize("provider", CHOOSY)
async def test_a_revoked_token_pauses_the_account_and_a_new_one_lets_the_job_go_on(stage: Stage, provider: str):
    account = await stage.add(provider)
    dialect = "torrin" if provider == "stremthru" else provider
    await stage.control("faults", provider=dialect, call="*", fault="bad_token", times=5)
    job = await stage.job()
    assert await stage.cascade.place(job.id, engines=False)
    paused = await stage.accounts.get(account.id)
    assert paused.state is AccountState.PAUSED
    assert "accounts" in paused.reason
    before = len(await stage.calls())
    assert await stage.cascade.place(job.id, engines=False), "it still waits"
    assert await stage.sync.run(provider, account.id) is None
    assert len(await stage.calls()) == before, "a paused account is asked nothing"
    await stage.control("faults", provider=dialect, call="*", fault="bad_token", times=0)
    rotated = await stage.accounts.rotate(account.id, Secret("sandbox-ann-again"))
    assert (rotated.state, rotated.reason) == (AccountState.OK, "")
    await stage.cascade.place(job.id, engines=False)
    placed = await stage.read(job.id)
    assert (placed.provider, placed.account_id, placed.error) == (provider, account.id, "")


async def test_a_refused_new_token_leaves_the_old_one(stage: Stage):
    account = await stage.add("torbox")
    with pytest.raises(CredentialsRejected):
        await stage.accounts.rotate(account.id, Secret("no-such-token"))
    assert (await stage.accounts.check(account.id)).state is AccountState.OK


async def test_a_locked_account_is_an_error_of_its_own(stage: Stage):
    with pytest.raises((AccountLocked, CredentialsRejected)) as locked:
        await stage.add("realdebrid", "sandbox-locked-ann")
    assert isinstance(locked.value, AccountLocked)


@pytest.mark.parametrize("fault", ["html", "cut", "server_error", "reset", "rate_limited", "doubled"])
async def test_a_fault_while_checking_changes_nothing(stage: Stage, fault: str):
    account = await stage.add("torbox")
    await stage.control("faults", provider="torbox", call="*", fault=fault)
    with pytest.raises(UpstreamError):
        await stage.accounts.check(account.id)
    assert (await stage.accounts.get(account.id)).state is AccountState.OK


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/", "http://10.0.0.1:8080", "http://[::1]/x", "https://169.254.169.254/latest"]
)
async def test_a_private_address_is_refused_unless_it_is_allowed(stage: Stage, address: str):
    with pytest.raises(ForbiddenAddress) as refused:
        await stage.add("stremthru", base_url=address)
    assert "SLUICEGATE_EGRESS_ALLOW" in refused.value.action
    with pytest.raises(ForbiddenAddress):
        await stage.add("torbox", proxy=Secret(address))
    kept = await stage.add("stremthru", base_url=stage.sandbox + "/torrin/v0/store/")
    assert kept.base_url == stage.sandbox + "/torrin/v0/store"


@pytest.mark.parametrize("address", ["ftp://example.com/", "example.com", "file:///etc/passwd"])
async def test_an_address_must_be_a_web_address(stage: Stage, address: str):
    with pytest.raises(InvalidInput):
        await stage.add("stremthru", base_url=address)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ü" * 20, "x" * 5000])
async def test_what_is_no_token_never_leaves_the_house(stage: Stage, token: str):
    with pytest.raises(InvalidInput) as refused:
        await stage.add("torbox", token)
    assert refused.value.field == "token"
    assert await stage.calls() == []


async def test_there_are_only_the_providers_there_are(stage: Stage):
    with pytest.raises(NotFound) as unknown:
        await stage.add("megadebrid")
    assert "realdebrid" in unknown.value.detail


async def test_several_accounts_at_one_provider_have_labels_and_one_account_is_there_once(stage: Stage):
    await stage.add("torbox", "sandbox-one")
    await stage.add("torbox", "sandbox-two", label="second")
    with pytest.raises(AlreadyExists):
        await stage.add("torbox", "sandbox-three", label="second")
    with pytest.raises(AlreadyExists) as twin:
        await stage.add("torbox", "sandbox-one", label="third")
    assert "rotate" in twin.value.action


async def test_a_removed_account_leaves_its_jobs_and_its_transfers(stage: Stage):
    account = await stage.add("torbox")
    job = await stage.job()
    await stage.cascade.place(job.id, engines=False)
    await stage.accounts.remove(account.id)
    after = await stage.read(job.id)
    assert (after.state, after.transfer_id, after.account_id) == (JobState.QUEUED, "", None)
    assert "was removed" in after.waiting
    assert not [call for call in await stage.calls() if "control" in str(call["path"])]
    with pytest.raises(NotFound):
        await stage.accounts.get(account.id)


async def test_a_disabled_account_is_left_alone_until_it_is_enabled(stage: Stage):
    account = await stage.add("torbox")
    job = await stage.job()
    await stage.accounts.disable(account.id)
    assert await stage.cascade.place(job.id, engines=False)
    assert (await stage.accounts.check(account.id)).state is AccountState.DISABLED
    await stage.accounts.enable(account.id)
    assert await stage.cascade.place(job.id, engines=False) is None
    assert (await stage.read(job.id)).provider == "torbox"


async def test_the_outlook_tells_what_is_left(stage: Stage):
    account = await stage.add("torbox")
    outlook = await stage.accounts.outlook(account.id)
    everything = next(state for state in outlook.limits if state.limit.calls == "*")
    assert (everything.used, everything.left) == (1, 299)
    assert everything.refills_at
    await stage.control("faults", provider="torbox", call="*", fault="rate_limited", seconds=90)
    with pytest.raises(UpstreamError):
        await stage.accounts.check(account.id)
    (rest,) = (await stage.accounts.outlook(account.id)).rests
    assert rest.calls == "account"
    with pytest.raises(HeldBack):
        await stage.accounts.check(account.id)


async def test_a_paced_adapter_claims_exactly_what_the_adapter_can(stage: Stage):
    credential = Credential("an-account", Secret("sandbox-ann"))
    for kind in REMOTE:
        async with stage.providers.open(kind.name, credential, priority=Priority.PLAY) as paced:
            assert type(paced) is not kind
            assert paced.capabilities() == kind.capabilities()
            told = (paced.name, paced.hashes_per_check, paced.addressed_links)
            assert told == (kind.name, kind.hashes_per_check, kind.addressed_links)
            assert paced.poll_seconds == stage.providers.manifest(kind.name).poll_seconds


def _job(stage: Stage, info_hash: str) -> Job:
    now = stage.clock.now()
    uri = f"magnet:?xt=urn:btih:{info_hash}"
    return Job(uuid4(), stage.user.id, info_hash, SourceKind.TORRENT, uri, JobState.QUEUED, now, now)


async def test_a_thousand_jobs_on_an_account_cost_the_pages_of_one_listing(stage: Stage):
    account = await stage.add("smokedebrid")
    await stage.control("limits", provider="*", enabled=False)
    await stage.control("clock", rate=0)
    count, per_page = 1000, 500
    headers = {"Authorization": "Bearer sandbox-ann"}
    url = f"{stage.sandbox}/smokedebrid/v1/transfers"
    async with aiohttp.ClientSession(headers=headers) as session, stage.transactions() as tx:
        for number in range(count):
            info_hash = f"{number + 1:040x}"
            async with session.post(url, json={"info_hash": info_hash}) as answer:
                transfer_id = (await answer.json())["transfer"]["id"]
            job = _job(stage, info_hash)
            await tx.jobs.add(replace(job, provider="smokedebrid", account_id=account.id, transfer_id=transfer_id))
    for expected in (count // per_page, count // per_page):
        before = len(await stage.calls())
        assert await stage.sync.run("smokedebrid", account.id)
        made = (await stage.calls())[before:]
        assert [call["path"] for call in made] == ["/smokedebrid/v1/transfers"] * expected


async def test_what_became_of_the_calls_is_told_by_day_and_class_to_the_owner_alone(stage: Stage):
    account = await stage.add("torbox")
    async with stage.transactions() as tx:
        credential = await tx.accounts.credential(account.id)
    async with stage.providers.open("torbox", credential, priority=Priority.PLAY) as adapter:
        await adapter.list_page()
        with pytest.raises(TransferMissing):
            await adapter.get("no-such-transfer")
    for fault, seconds in (("server_error", 0), ("bad_token", 0), ("rate_limited", 90)):
        await stage.control("faults", provider="torbox", call="*", fault=fault, seconds=seconds)
        with contextlib.suppress(UpstreamError):
            await stage.accounts.check(account.id)
    with pytest.raises(HeldBack):
        await stage.accounts.check(account.id)
    days, sums = await stage.history.of_account(stage.user.id, account.id, days=7)
    today = days[-1]
    assert [day.made + day.held for day in days[:-1]] == [0] * 6
    assert (today.answered, today.failed, today.refused, today.limited, today.held) == (3, 1, 1, 1, 1)
    assert (today.made, today.unwell) == (6, 3)
    assert {name: counts[CallOutcome.ANSWERED] for name, counts in by_class(sums).items()} == {
        "account": 1, "list_page": 1, "get": 1,
    }  # fmt: skip
    assert list(by_class(sums)) == ["account", "get", "list_page"]
    assert await stage.history.of_user(stage.user.id, days=7) == {account.id: days}
    assert await stage.history.together(stage.user.id, days=7) == days
    assert await stage.history.of_user(uuid4(), days=7) == {}
    with pytest.raises(NotFound):
        await stage.history.of_account(uuid4(), account.id, days=7)
