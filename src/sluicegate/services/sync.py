"""Sync: one listing per account brings all of its jobs up to date.

An error while asking changes nothing but the words of what is waited for: it never fails, finishes or removes a job.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.errors import (
    HeldBack,
    NotFound,
    Retry,
    TransferMissing,
    TransferNotReady,
    UnsafeSource,
    UpstreamError,
    UpstreamLimit,
    UpstreamUnavailable,
)
from sluicegate.core.files import JobFile, RemoteFile
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.names import mime_type_of
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.account_pause import is_usable, pause_account
from sluicegate.services.listing import list_all
from sluicegate.services.place_again import place_again, rung_label
from sluicegate.services.progress import advance, worth_writing
from sluicegate.services.task_kinds import ENGINE_STORE

__all__ = ["SyncAction", "SyncOutcome", "SyncService"]

_LOCAL_EVERY: Final = 1.0
_ERROR_EVERY: Final = 30.0


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


class SyncService:
    """Keeps jobs in step with their transfers."""

    def __init__(self, transactions: UnitOfWorkFactory, providers: Providers, clock: Clock) -> None:
        self._transactions = transactions
        self._providers = providers
        self._clock = clock

    async def run(self, provider: str, account_id: UUID | None) -> float | None:
        """Brings all jobs of one account up to date.

        Returns:
            Seconds until it should run again, or None when no job of this account is in flight, or the account is
            paused, switched off or gone.
        """
        try:
            jobs = await self._in_flight(provider, account_id)
            if not jobs:
                return None
            async with AsyncExitStack() as stack:
                adapter = await stack.enter_async_context(await self._open(provider, account_id, Priority.SYNC))
                by_id = {transfer.id: transfer for transfer in await list_all(adapter)}
                stopped = await self._apply_all(adapter, jobs, by_id)
                every = _LOCAL_EVERY if provider in LOCAL_PROVIDERS else adapter.poll_seconds
        except NotFound:
            return None
        except UpstreamError as error:
            for job in jobs:
                await self._say(job, error)
            stopped, every = error, _ERROR_EVERY
        return await self._next_run(account_id, stopped, every)

    async def run_one(self, user_id: UUID, job_id: UUID) -> SyncOutcome:
        """Asks about one job now, ahead of its account's turn.

        Raises:
            NotFound: unknown or foreign job.
        """
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id)
        if job.state.over or not job.transfer_id:
            return SyncOutcome(job, SyncAction.NO_CHANGE, _why_nothing_to_ask(job))
        try:
            async with await self._open(job.provider, job.account_id, Priority.PLAY) as adapter:
                transfer = await self._fetch(adapter, job)
                after = await self._apply(adapter, job, transfer)
        except (UpstreamError, UnsafeSource) as error:
            return SyncOutcome(job, SyncAction.ERROR, error.action, reason=error.detail)
        return _outcome(job, after)

    async def _in_flight(self, provider: str, account_id: UUID | None) -> list[Job]:
        async with self._transactions() as tx:
            if account_id is not None and not is_usable(await tx.accounts.get(account_id)):
                return []
            return await tx.jobs.in_flight(provider, account_id)

    async def _open(self, provider: str, account_id: UUID | None, priority: Priority) -> Provider:
        if account_id is None:
            return self._providers.open(provider, None)
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(account_id)
        return self._providers.open(provider, credential, priority=priority)

    async def _apply_all(
        self, adapter: Provider, jobs: Sequence[Job], by_id: Mapping[str, Transfer]
    ) -> UpstreamError | None:
        """Writes a listing's news into the jobs. One transfer's trouble is its job's alone.

        Returns:
            The error after which nothing more was asked of the provider, or None. News that need no call are written
            all the same; the others come with the next listing.
        """
        stopped: UpstreamError | None = None
        for job in jobs:
            transfer = by_id.get(job.transfer_id)
            if stopped is not None and _needs_a_call(transfer):
                continue
            try:
                # A page that moves while it is read can hide a transfer: only the provider's own "no" counts.
                await self._apply(adapter, job, transfer or await self._fetch(adapter, job))
            except UnsafeSource as error:
                await self._place_again(job, error.code, f"{error.detail} {error.action}", spent=True)
            except UpstreamError as error:
                await self._say(job, error)
                stopped = error if _concerns_all(error) else stopped
        return stopped

    async def _fetch(self, adapter: Provider, job: Job) -> Transfer | None:
        if not adapter.can(Capability.GET):
            return next((t for t in await list_all(adapter) if t.id == job.transfer_id), None)
        try:
            return await adapter.get(job.transfer_id)
        except TransferMissing:
            return None

    async def _apply(self, adapter: Provider, job: Job, transfer: Transfer | None) -> Job:
        """Writes one transfer's news into its job; returns the job as it is now."""
        if transfer is None:
            return await self._place_again(job, "transfer_missing", "The provider no longer lists this transfer.")
        if transfer.state is TransferState.FAILED:
            words = "The provider gave up on it" + (f": {transfer.detail}" if transfer.detail else ".")
            after = await self._place_again(job, "transfer_failed", words, spent=True)
            if adapter.name in LOCAL_PROVIDERS:
                await adapter.remove(transfer.id)  # its unfinished bytes lie here, and no job names them any more
            return after
        if transfer.state is TransferState.SELECTING and adapter.can(Capability.SELECT):
            await adapter.select(transfer.id)
        if transfer.state is TransferState.READY:
            return await self._finish(adapter, job, transfer)
        after = advance(job, transfer)
        if not worth_writing(job, after):
            return job
        return await self._write(job.id, lambda current: advance(current, transfer))

    async def _finish(self, adapter: Provider, job: Job, transfer: Transfer) -> Job:
        """All bytes are at the provider: its files become the job's; local ones are stored before it is ready."""
        remote = transfer.files if transfer.files is not None else await adapter.files(transfer.id)
        local = adapter.name in LOCAL_PROVIDERS
        async with self._transactions() as tx:
            current = await tx.jobs.get(job.id, lock=True)
            if current.state.over:
                return current
            state = JobState.UPLOADING if local else JobState.READY
            check_move(current.state, state)
            await tx.files.replace(job.id, [_job_file(job.id, file) for file in remote])
            size = sum(file.size for file in remote if file.size > 0)
            if local:
                await tx.tasks.add(Task(ENGINE_STORE, str(job.id)))
                if current.state is JobState.UPLOADING:
                    return current
            else:
                words = f"All {len(remote)} files are at the provider."
                await tx.traces.add(job.id, await self._entry(tx, job, "finished", "transfer-ready", words))
            return await tx.jobs.update(
                replace(
                    current,
                    state=state,
                    progress=1.0,
                    speed=None,
                    waiting="Storing the files." if local else "",
                    name=current.name or transfer.name,
                    size=size or transfer.size,
                )
            )

    async def _place_again(self, job: Job, rule: str, words: str, *, spent: bool = False) -> Job:
        """The transfer is gone or dead: the job goes back to the cascade, which skips the spent rung."""
        verdict = "failed" if spent else "lost"
        async with self._transactions() as tx:
            return await place_again(tx, job, self._clock.now(), verdict=verdict, rule=rule, words=words)

    async def _write(self, job_id: UUID, change: Callable[[Job], Job]) -> Job:
        async with self._transactions() as tx:
            current = await tx.jobs.get(job_id, lock=True)
            if current.state.over:
                return current
            after = change(current)
            check_move(current.state, after.state)
            return await tx.jobs.update(after)

    async def _say(self, job: Job, error: UpstreamError) -> None:
        """Says on a job what is wrong; that its turn comes a little later is nothing to report."""
        words = f"{error.detail} {error.action}"
        if job.waiting != words and not isinstance(error, HeldBack | TransferNotReady):
            await self._write(job.id, lambda current: replace(current, waiting=words, speed=None))

    async def _next_run(self, account_id: UUID | None, stopped: UpstreamError | None, every: float) -> float | None:
        """When to come back; never, until a person has mended the account, where only a person can."""
        if stopped is None:
            return every
        if stopped.retry is Retry.AFTER_CHANGE and account_id is not None:
            await pause_account(self._transactions, account_id, stopped, self._clock.now())
            return None
        return max(stopped.retry_after, 1.0) if stopped.retry_after is not None else max(every, _ERROR_EVERY)

    async def _entry(self, tx: UnitOfWork, job: Job, verdict: str, rule: str, words: str) -> TraceEntry:
        label = await rung_label(tx, job.provider, job.account_id)
        return TraceEntry(self._clock.now(), label, verdict, rule, words)


def _needs_a_call(transfer: Transfer | None) -> bool:
    """Whether this news cannot be written without asking the provider once more."""
    if transfer is None or transfer.state is TransferState.SELECTING:
        return True
    return transfer.state is TransferState.READY and transfer.files is None


def _concerns_all(error: UpstreamError) -> bool:
    """Whether the next call would most likely meet the same error."""
    return isinstance(error, UpstreamLimit | UpstreamUnavailable) or error.retry is Retry.AFTER_CHANGE


def _job_file(job_id: UUID, file: RemoteFile) -> JobFile:
    return JobFile(
        id=uuid4(),
        job_id=job_id,
        index=file.index,
        path=file.path,
        size=file.size,
        mime_type=file.mime_type or mime_type_of(file.path),
        locator=file.locator,
    )


def _why_nothing_to_ask(job: Job) -> str:
    if job.state.over:
        return f"The job is {job.state}; there is nothing left to ask."
    return job.waiting or "No provider holds a transfer for this job yet."


def _outcome(before: Job, after: Job) -> SyncOutcome:
    if after.state is JobState.READY:
        return SyncOutcome(after, SyncAction.MARKED_READY, "All files are ready.")
    if after.state is JobState.FAILED:
        return SyncOutcome(after, SyncAction.MARKED_FAILED, after.error)
    if after.version != before.version:
        return SyncOutcome(after, SyncAction.PROGRESS_UPDATED, after.waiting or f"{after.progress:.1%} done.")
    return SyncOutcome(after, SyncAction.NO_CHANGE, after.waiting or "Nothing new since the last look.")
