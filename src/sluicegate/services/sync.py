"""Sync: one listing per account brings all of its jobs up to date.

An error while asking changes nothing but the words of what is waited for: it never fails, finishes or removes a job.
News that are mere figures are written in one statement for the whole account; calls to a provider grow with its
accounts, and with what ends there, never with the number of jobs.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import (
    InternalError,
    NotFound,
    Retry,
    TransferMissing,
    UnsafeSource,
    UpstreamError,
    UpstreamLimit,
    UpstreamUnavailable,
)
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.looks import Look, Outcome
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.absence import AbsenceService, SyncRules, transfers_by_hash
from sluicegate.services.account_pause import is_usable, pause_account
from sluicegate.services.listing import Listing, list_all, read_listing
from sluicegate.services.progress import advance, worth_writing
from sluicegate.services.task_kinds import sync_task
from sluicegate.services.transfer_news import TransferNews, needs_steps, says_nothing_new

__all__ = ["SyncAction", "SyncOutcome", "SyncService"]

_LOCAL_EVERY: Final = 1.0
_ERROR_EVERY: Final = 30.0
_COMPARE_KEPT_EVERY: Final = timedelta(minutes=5)
"""Where a listing is read anyway, the ready jobs are compared with it so often: it costs no call."""
_KEEP_LOOK_EVERY: Final = timedelta(seconds=30)
_PLACED_WITHIN: Final = 2.0
_LOOK_AGAIN: Final = 0.05
_ASKED_AT_ONCE: Final = 5
"""Single transfers that one look asks about, so that an account's calls do not grow with its jobs."""


class SyncAction(StrEnum):
    """What a sync did to a job (library sheet, section 5.9)."""

    MARKED_READY = "marked_ready"
    MARKED_FAILED = "marked_failed"
    PROGRESS_UPDATED = "progress_updated"
    NO_CHANGE = "no_change"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """The job after a sync, what was done, and in words why."""

    job: Job
    action: SyncAction
    note: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Round:
    """What one look at one account or engine is about."""

    provider: str
    account_id: UUID | None
    jobs: list[Job]
    look: Look | None
    compare_kept: bool


class SyncService:
    """Keeps jobs in step with their transfers."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        clock: Clock,
        rules: SyncRules | None = None,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._clock = clock
        self._news = TransferNews(transactions, clock, gate)
        self._absence = AbsenceService(transactions, clock, rules or SyncRules())

    async def run(self, provider: str, account_id: UUID | None, *, now: bool = False) -> float | None:
        """Brings all jobs of one account up to date.

        Args:
            provider: house name.
            account_id: None for a local provider.
            now: a person asked: the ready jobs are compared as well, whenever that was done last.

        Returns:
            Seconds until it should run again, or None when no job of this account is in flight, or the account is
            paused, switched off or gone.
        """
        try:
            asked = await self._round(provider, account_id, now=now)
            if not asked.jobs and not asked.compare_kept:
                return None
            async with AsyncExitStack() as stack:
                adapter = await stack.enter_async_context(await self._open(provider, account_id, Priority.SYNC))
                listing = await read_listing(adapter)
                crash_point(CrashPoint.LISTED)
                stopped = await self._compare(adapter, asked, listing)
                every = _LOCAL_EVERY if provider in LOCAL_PROVIDERS else adapter.poll_seconds
        except NotFound:
            return None
        if stopped is None and not asked.jobs:
            return None
        return await self._next_run(account_id, stopped, every)

    async def run_one(self, user_id: UUID, job_id: UUID) -> SyncOutcome:
        """Asks about one job now, ahead of its account's turn.

        Raises:
            NotFound: unknown or foreign job.
        """
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id)
            owned = [one for one in await tx.accounts.page(user_id) if one.id == job.account_id]
        if job.state.over or not job.transfer_id:
            return SyncOutcome(job, SyncAction.NO_CHANGE, _why_nothing_to_ask(job))
        if owned and not is_usable(owned[0]):
            reason = owned[0].reason or f"The account is {owned[0].state}."
            return SyncOutcome(job, SyncAction.ERROR, "The account is not asked until it is mended.", reason=reason)
        try:
            async with await self._open(job.provider, job.account_id, Priority.PLAY) as adapter:
                transfer = await self._fetch(adapter, job)
                after = await (self._news.apply(adapter, job, transfer) if transfer else self._unknown(job))
            if not after.transfer_id:
                after = await self._placed(after)
        except (UpstreamError, UnsafeSource) as error:
            return SyncOutcome(job, SyncAction.ERROR, error.action, reason=error.detail)
        except NotFound:
            words = "The account that held the transfer was removed."
            return SyncOutcome(job, SyncAction.ERROR, "Another way is looked for.", reason=words)
        except InternalError:
            if job.provider not in LOCAL_PROVIDERS:
                raise
            return await self._ask_the_engines(job)
        return _outcome(job, after)

    async def _round(self, provider: str, account_id: UUID | None, *, now: bool) -> _Round:
        async with self._transactions() as tx:
            if account_id is None:
                return _Round(provider, None, await tx.jobs.in_flight(provider, None), None, compare_kept=False)
            if not is_usable(await tx.accounts.get(account_id)):
                return _Round(provider, account_id, [], None, compare_kept=False)
            look = (await tx.looks.of([account_id])).get(account_id)
            jobs = await tx.jobs.in_flight(provider, account_id)
            nothing = not jobs and not now and not await tx.jobs.kept(account_id)
        at = self._clock.now()
        stale = look is None or look.held > 0 or look.kept_at is None or at - look.kept_at >= _COMPARE_KEPT_EVERY
        due = now or (stale and not nothing)
        return _Round(provider, account_id, jobs, look or Look(account_id, Outcome.COMPLETE, at), due)

    async def _open(self, provider: str, account_id: UUID | None, priority: Priority) -> Provider:
        if account_id is None:
            return self._providers.open(provider, None)
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(account_id)
        return self._providers.open(provider, credential, priority=priority)

    async def _compare(self, adapter: Provider, asked: _Round, listing: Listing) -> UpstreamError | None:
        """Writes a listing's news into the jobs, then what it lacks; what was left undone, as an error, or None."""
        if listing.error is not None and not listing.pages:
            await self._say_to_all(asked.jobs, listing.error)
            await self._keep_look(asked, asked.look, listing)
            return listing.error
        jobs = await self._write_figures(asked.jobs, listing)
        stopped = await self._take_steps(adapter, [j for j in jobs if j.transfer_id in listing.transfers], listing)
        if asked.look is None:
            if listing.whole:
                await self._place_lost(jobs, listing)
            return stopped or listing.error
        absence = await self._absence.conclude(asked.look, listing, jobs, compare_kept=asked.compare_kept)
        crash_point(CrashPoint.MARKED)
        if listing.error is not None:
            await self._say_to_all([job for job in jobs if job.transfer_id not in listing.transfers], listing.error)
        await self._keep_look(asked, absence.look, listing)
        for kept, transfer in absence.moved[:_ASKED_AT_ONCE]:
            if stopped is None and transfer.state is TransferState.READY:
                stopped = await self._guarded(self._news.adopt(adapter, kept, transfer))
        for job in absence.overdue[:_ASKED_AT_ONCE]:
            if stopped is None:
                stopped = await self._guarded(self._give_up(adapter, job))
        return stopped or listing.error

    async def _write_figures(self, jobs: Sequence[Job], listing: Listing) -> list[Job]:
        """Mere figures, all at once; returns the jobs with the ids that their transfers have now."""
        by_hash = transfers_by_hash(listing.transfers) if listing.whole else {}
        changed: list[Job] = []
        current: list[Job] = []
        for job in jobs:
            transfer = listing.transfers.get(job.transfer_id)
            if transfer is None and (twin := by_hash.get(job.info_hash)) is not None:
                # Somebody removed it there and handed it in again: it goes on under its new id.
                changed.append(replace(job, transfer_id=twin.id, missing_since=None, missing=""))
                current.append(changed[-1])
                continue
            current.append(job)
            if transfer is not None and not needs_steps(transfer):
                after = advance(job, transfer)
                changed += [after] if worth_writing(job, after) else []
        async with self._transactions() as tx:
            await tx.jobs.advance(changed)
        moved = {job.id for job in changed if job.transfer_id not in {old.transfer_id for old in jobs}}
        return [replace(job, version=job.version + 1) if job.id in moved else job for job in current]

    async def _take_steps(self, adapter: Provider, jobs: Sequence[Job], listing: Listing) -> UpstreamError | None:
        """News that are more than figures, one by one. One transfer's trouble is its job's alone.

        Returns:
            The error after which nothing more was asked of the provider, or None. News that need no call are written
            all the same; the others come with the next listing.
        """
        stopped: UpstreamError | None = None
        for job in jobs:
            transfer = listing.transfers[job.transfer_id]
            if not needs_steps(transfer) or (stopped is not None and _needs_a_call(transfer)):
                continue
            try:
                await self._news.apply(adapter, job, transfer)
            except UnsafeSource as error:
                await self._news.place_again(job, error.code, f"{error.detail} {error.action}", spent=True)
            except UpstreamError as error:
                await self._news.say(job, error)
                stopped = error if _concerns_all(error) else stopped
        return stopped

    async def _place_lost(self, jobs: Sequence[Job], listing: Listing) -> None:
        """Our own engines' listing is the truth: what it lacks is lost and fetched again."""
        for job in jobs:
            if job.transfer_id not in listing.transfers:
                await self._news.place_again(job, "transfer_missing", "The transfer is not in the engine any more.")

    async def _give_up(self, adapter: Provider, job: Job) -> None:
        """Another way for a job that has been looked for long enough, if the provider itself does not know it."""
        transfer = await self._fetch(adapter, job, listed=False)
        if transfer is not None:
            await self._news.apply(adapter, job, transfer)
            return
        await self._news.place_again(job, "transfer_missing", "The provider does not list this transfer any more.")

    async def _guarded(self, step: Awaitable[object]) -> UpstreamError | None:
        """The error of a step that concerns the whole account; others are that one job's and come again."""
        try:
            await step
        except UpstreamError as error:
            return error if _concerns_all(error) else None
        return None

    async def _fetch(self, adapter: Provider, job: Job, *, listed: bool = True) -> Transfer | None:
        """The transfer as the provider tells it now; None when it says that there is none.

        Without ``listed`` a listing that lacks it was just read, which is as good where single ones are not told.
        """
        if not adapter.can(Capability.GET):
            return next((t for t in await list_all(adapter) if t.id == job.transfer_id), None) if listed else None
        try:
            return await adapter.get(job.transfer_id)
        except TransferMissing:
            return None

    async def _unknown(self, job: Job) -> Job:
        """The provider does not know a transfer that was asked for by itself."""
        if job.account_id is None or self._absence.is_overdue(job):
            words = "The provider does not list this transfer any more."
            return await self._news.place_again(job, "transfer_missing", words)
        async with self._transactions() as tx:
            await self._absence.mark(tx, job)
            return await tx.jobs.get(job.id)

    async def _placed(self, job: Job) -> Job:
        """A job that was given back, as the cascade leaves it; who asked waits a moment for that, as a submit does."""
        with suppress(TimeoutError):  # it goes on by itself
            async with asyncio.timeout(_PLACED_WITHIN):
                while not job.state.over and not job.transfer_id:
                    await asyncio.sleep(_LOOK_AGAIN)
                    async with self._transactions() as tx:
                        job = await tx.jobs.get(job.id)
        return job

    async def _ask_the_engines(self, job: Job) -> SyncOutcome:
        async with self._transactions() as tx:
            await tx.tasks.add(sync_task(job.provider, None))
        return SyncOutcome(
            job, SyncAction.NO_CHANGE, "The worker that holds the engines was asked; look again shortly."
        )

    async def _say_to_all(self, jobs: Sequence[Job], error: UpstreamError) -> None:
        words = f"{error.detail} {error.action}"
        told = [replace(job, waiting=words, speed=None) for job in jobs if job.waiting != words]
        if told and not says_nothing_new(error):
            async with self._transactions() as tx:
                await tx.jobs.advance(told)

    async def _keep_look(self, asked: _Round, after: Look | None, listing: Listing) -> None:
        """Keeps what is to be told about the account, when it says something new."""
        if after is None or asked.look is None or (listing.error is not None and says_nothing_new(listing.error)):
            return
        now = self._clock.now()
        outcome = Outcome.COMPLETE if listing.whole else Outcome.PARTIAL if listing.pages else Outcome.FAILED
        after = replace(after, outcome=outcome, words=listing.explain(), listed=len(listing.transfers))
        if after == asked.look and after.whole_at is not None and now - after.looked_at < _KEEP_LOOK_EVERY:
            return
        whole_at = now if listing.whole else after.whole_at
        async with self._transactions() as tx:
            await tx.looks.keep(replace(after, looked_at=now, whole_at=whole_at))

    async def _next_run(self, account_id: UUID | None, stopped: UpstreamError | None, every: float) -> float | None:
        """When to come back; never, until a person has mended the account, where only a person can."""
        if stopped is None:
            return every
        if stopped.retry is Retry.AFTER_CHANGE and account_id is not None:
            await pause_account(self._transactions, account_id, stopped, self._clock.now())
            return None
        return max(stopped.retry_after, 1.0) if stopped.retry_after is not None else max(every, _ERROR_EVERY)


def _needs_a_call(transfer: Transfer) -> bool:
    """Whether this news cannot be written without asking the provider once more."""
    return transfer.state is TransferState.SELECTING or (
        transfer.state is TransferState.READY and transfer.files is None
    )


def _concerns_all(error: UpstreamError) -> bool:
    """Whether the next call would most likely meet the same error."""
    return isinstance(error, UpstreamLimit | UpstreamUnavailable) or error.retry is Retry.AFTER_CHANGE


def _why_nothing_to_ask(job: Job) -> str:
    if job.missing:
        return job.missing
    if job.state.over:
        return f"The job is {job.state}; there is nothing left to ask."
    return job.waiting or "No provider holds a transfer for this job yet."


def _outcome(before: Job, after: Job) -> SyncOutcome:
    if after.state is JobState.READY:
        return SyncOutcome(after, SyncAction.MARKED_READY, "All files are ready.")
    if after.state is JobState.FAILED:
        return SyncOutcome(after, SyncAction.MARKED_FAILED, after.error)
    if after.missing_since is not None:
        return SyncOutcome(after, SyncAction.NO_CHANGE, after.missing)
    if after.version != before.version:
        return SyncOutcome(after, SyncAction.PROGRESS_UPDATED, after.waiting or f"{after.progress:.1%} done.")
    return SyncOutcome(after, SyncAction.NO_CHANGE, after.waiting or "Nothing new since the last look.")
