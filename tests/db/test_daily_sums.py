"""Sums of days: kept by the database with what they count, whoever writes it, and the same while they are added up."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.db.samples import START, a_job, a_media_job, a_user, an_account

from sluicegate.core.account_calls import CallDay, CallOutcome, CallSum
from sluicegate.core.audit import AuditedCall, AuditedProvider
from sluicegate.core.jobs import JobState
from sluicegate.core.media_jobs import MediaResult, MediaState
from sluicegate.db.unit_of_work import Transactions
from sluicegate.services.usage_history import UsageHistoryService

DAY = START.date()


class Noon:
    """A clock that stands at noon of one day."""

    def __init__(self, day: date) -> None:
        self.day = day

    def now(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


async def _figures(transactions: Transactions, user_id: UUID) -> dict[str, int]:
    async with transactions() as tx:
        found = await tx.usage_history.days(user_id, since=DAY - timedelta(days=1))
    assert {day for day, _ in found} <= {DAY}
    return {str(figure): amount for (_, figure), amount in found.items() if amount}


async def test_jobs_count_on_the_day_of_handing_in_by_what_became_of_them(transactions: Transactions):
    user, other = await a_user(transactions), await a_user(transactions)
    made = [replace(a_job(user.id), created_at=START) for _ in range(3)]
    async with transactions() as tx:
        ready, failed, _ = [(await tx.jobs.add(job))[0] for job in made]
    assert await _figures(transactions, user.id) == {"jobs": 3}
    async with transactions() as tx:
        ready = await tx.jobs.update(replace(ready, state=JobState.READY, progress=1.0))
        failed = await tx.jobs.update(replace(failed, state=JobState.FAILED, error="gone"))
    assert await _figures(transactions, user.id) == {"jobs": 3, "jobs_ready": 1, "jobs_failed": 1}
    removed = {"state": JobState.CANCELLED, "removed_at": START, "removed_from": JobState.READY}
    async with transactions() as tx:
        await tx.jobs.update(replace(ready, **removed))
        await tx.jobs.update(replace(failed, progress=0.5))
    assert await _figures(transactions, user.id) == {"jobs": 3, "jobs_ready": 1, "jobs_failed": 1}
    assert await _figures(transactions, other.id) == {}


async def test_what_is_rolled_back_was_never_counted(transactions: Transactions):
    user = await a_user(transactions)

    async def break_off() -> None:
        async with transactions() as tx:
            await tx.jobs.add(a_job(user.id))
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        await break_off()
    assert await _figures(transactions, user.id) == {}


async def test_media_counts_once_when_it_ends(transactions: Transactions):
    user = await a_user(transactions)
    times = {"started_at": START, "finished_at": START + timedelta(seconds=90)}
    async with transactions() as tx:
        for job in (a_media_job(user.id), a_media_job(user.id)):
            await tx.media_jobs.add(job)
            done = replace(job, state=MediaState.COMPLETED, result=MediaResult(file_size=7), **times)
            await tx.media_jobs.update(replace(await tx.media_jobs.update(done), thumbnail_key="t"))
        bad = a_media_job(user.id)
        await tx.media_jobs.add(bad)
        await tx.media_jobs.update(replace(bad, state=MediaState.FAILED, error="no", finished_at=START))
    assert await _figures(transactions, user.id) == {
        "media_completed": 2, "media_failed": 1, "media_bytes": 14, "media_ms": 180_000,
    }  # fmt: skip


async def test_adding_up_changes_no_figure_also_when_several_do_it_at_once(
    transactions: Transactions, sql: asyncpg.Connection
):
    user, gone = await a_user(transactions), uuid4()
    async with transactions() as tx:
        for _ in range(20):
            await tx.jobs.add(replace(a_job(user.id), created_at=START))
    await sql.execute("INSERT INTO usage_changes (user_id, day, figure, amount) VALUES ($1, $2, 'jobs', 1)", gone, DAY)
    services = [UsageHistoryService(transactions, Noon(DAY)) for _ in range(4)]
    await asyncio.gather(*(service.tidy() for service in services))
    await services[0].tidy()
    assert await sql.fetchval("SELECT count(*) FROM usage_changes") == 0
    assert await _figures(transactions, user.id) == {"jobs": 20}
    async with transactions() as tx:
        await tx.jobs.add(replace(a_job(user.id), created_at=START))
    assert await _figures(transactions, user.id) == {"jobs": 21}
    assert (await services[0].of(user.id, days=1)).jobs[0].submitted == 21


async def test_sums_go_when_their_time_is_over(transactions: Transactions):
    user = await a_user(transactions)
    async with transactions() as tx:
        await tx.jobs.add(replace(a_job(user.id), created_at=START))
    for later, left in ((100, {"jobs": 1}), (101, {})):
        await UsageHistoryService(transactions, Noon(DAY + timedelta(days=later)), keep=timedelta(days=100)).tidy()
        assert await _figures(transactions, user.id) == left


def _call(user_id: UUID, **fields: object) -> AuditedCall:
    answers = (
        AuditedProvider("torbox", 200, None, "", 10.0),
        AuditedProvider("alldebrid", 502, "rg.upstream_error", "", 30.0),
    )
    values = {
        "request_id": uuid4(), "created_at": START, "addon": "one", "addon_proven": True, "user_id": user_id,
        "key_id": None, "caller_ip": "127.0.0.1", "operation": "links", "method": "GET", "path": "/x",
        "providers": ("torbox", "alldebrid"), "http_status": 200, "error_code": None, "duration_ms": 40.0,
        "upstream_ms": 30.0, "answers": answers,
    }  # fmt: skip
    return AuditedCall(**{**values, **fields})


async def test_gateway_calls_are_summed_with_the_audit_and_a_batch_that_comes_twice_counts_once(
    transactions: Transactions,
):
    user = await a_user(transactions)
    batch = [
        _call(user.id),
        _call(user.id, operation="account", duration_ms=20.0, error_code="rg.denied", answers=()),
        _call(user.id, addon="two"),
        _call(uuid4()),
    ]
    for _ in range(2):
        async with transactions() as tx:
            await tx.audits.add(batch)
    async with transactions() as tx:
        points = await tx.audits.usage(user.id, since=DAY)
        addons = await tx.audits.addon_usage(user.id, since=DAY)
        providers = await tx.audits.provider_usage(user.id, since=DAY)
        assert await tx.audits.usage(user.id, since=DAY + timedelta(days=1)) == []
    assert sorted((p.addon, p.operation, p.calls, p.refused, p.mean_ms) for p in points) == [
        ("one", "account", 1, 1, 20.0), ("one", "links", 1, 0, 40.0), ("two", "links", 1, 0, 40.0),
    ]  # fmt: skip
    assert {point.day for point in points} == {datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)}
    assert sorted((p.day, p.addon, p.calls, p.refused, p.mean_ms) for p in addons) == [
        (DAY, "one", 2, 1, 30.0), (DAY, "two", 1, 0, 40.0),
    ]  # fmt: skip
    assert sorted((p.provider, p.calls, p.failed, p.mean_ms) for p in providers) == [
        ("alldebrid", 2, 2, 30.0), ("torbox", 2, 0, 10.0),
    ]  # fmt: skip


async def test_calls_of_accounts_add_up_and_those_of_accounts_that_are_gone_are_left_out(transactions: Transactions):
    user, other = await a_user(transactions), await a_user(transactions)
    mine, theirs = an_account(user.id), an_account(other.id)
    async with transactions() as tx:
        for account in (mine, theirs):
            await tx.accounts.add(account, sealed_token=b"t", sealed_proxy=None)
    told = [
        CallSum(account, DAY, calls, outcome, 2)
        for account in (mine.id, theirs.id, uuid4())
        for calls, outcome in (
            ("link", CallOutcome.ANSWERED),
            ("list", CallOutcome.ANSWERED),
            ("list", CallOutcome.HELD),
        )
    ]
    for _ in range(2):
        async with transactions() as tx:
            await tx.account_calls.add(told)
    async with transactions() as tx:
        assert await tx.account_calls.of_user(user.id, since=DAY) == {mine.id: [CallDay(DAY, answered=8, held=4)]}
        assert await tx.account_calls.together(user.id, since=DAY) == [CallDay(DAY, answered=8, held=4)]
        by_class = await tx.account_calls.of_account(mine.id, since=DAY)
        assert {(one.calls, one.outcome, one.count) for one in by_class} == {
            ("link", CallOutcome.ANSWERED, 4), ("list", CallOutcome.ANSWERED, 4), ("list", CallOutcome.HELD, 4),
        }  # fmt: skip
        assert await tx.account_calls.of_user(user.id, since=DAY + timedelta(days=1)) == {}
        await tx.accounts.remove(mine.id)
        assert await tx.account_calls.of_account(mine.id, since=DAY) == []
