"""Sync: one listing per account brings all of its jobs up to date.

An error while asking changes nothing but the words of what is waited for: it never fails, finishes or removes a job.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.accounts import LOCAL_PROVIDERS, Account, AccountState
from sluicegate.core.errors import NotFound, Retry, TransferMissing, UpstreamError
from sluicegate.core.files import JobFile, RemoteFile
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.names import mime_type_of
from sluicegate.core.ports import Clock, Providers, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.listing import list_all
from sluicegate.services.progress import advance, worth_writing
from sluicegate.services.rungs import Rung
from sluicegate.services.task_kinds import ENGINE_STORE, PLACE

__all__ = ["SyncAction", "SyncOutcome", "SyncService"]

_LOCAL_EVERY: Final = 1.0
_REMOTE_EVERY: Final = 10.0
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
            Seconds until it should run again, or None when no job of this account is in flight.
        """
        async with self._transactions() as tx:
            jobs = await tx.jobs.in_flight(provider, account_id)
        if not jobs:
            return None
        try:
            async with AsyncExitStack() as stack:
                adapter = await stack.enter_async_context(await self._open(provider, account_id))
                by_id = {transfer.id: transfer for transfer in await list_all(adapter)}
                for job in jobs:
                    await self._apply(adapter, job, by_id.get(job.transfer_id))
        except NotFound:
            return None
        except UpstreamError as error:
            return await self._explain(jobs, account_id, error)
        return _LOCAL_EVERY if provider in LOCAL_PROVIDERS else _REMOTE_EVERY

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
            async with await self._open(job.provider, job.account_id) as adapter:
                transfer = await self._fetch(adapter, job)
                after = await self._apply(adapter, job, transfer)
        except UpstreamError as error:
            return SyncOutcome(job, SyncAction.ERROR, error.action, reason=error.detail)
        return _outcome(job, after)

    async def _open(self, provider: str, account_id: UUID | None) -> Provider:
        if account_id is None:
            return self._providers.open(provider, None)
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(account_id)
        return self._providers.open(provider, credential)

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
            return await self._place_again(job, "transfer_failed", words, spent=True)
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
        async with self._transactions() as tx:
            current = await tx.jobs.get(job.id, lock=True)
            if current.state.over or current.transfer_id != job.transfer_id:
                return current
            check_move(current.state, JobState.QUEUED)
            verdict = "failed" if spent else "lost"
            await tx.traces.add(job.id, await self._entry(tx, job, verdict, rule, words))
            await tx.tasks.add(Task(PLACE, str(job.id)))
            return await tx.jobs.update(
                replace(
                    current,
                    state=JobState.QUEUED,
                    provider="",
                    account_id=None,
                    transfer_id="",
                    progress=0.0,
                    speed=None,
                    waiting=f"{words} Trying the next way.",
                )
            )

    async def _write(self, job_id: UUID, change: Callable[[Job], Job]) -> Job:
        async with self._transactions() as tx:
            current = await tx.jobs.get(job_id, lock=True)
            if current.state.over:
                return current
            after = change(current)
            check_move(current.state, after.state)
            return await tx.jobs.update(after)

    async def _explain(self, jobs: Sequence[Job], account_id: UUID | None, error: UpstreamError) -> float | None:
        """Says on every job what is wrong; pauses the account when only a person can mend it."""
        words = f"{error.detail} {error.action}"
        for job in jobs:
            if job.waiting != words:
                await self._write(job.id, lambda current: replace(current, waiting=words, speed=None))
        if error.retry is Retry.AFTER_CHANGE and account_id is not None:
            await self._pause(account_id, words)
            return None
        return error.retry_after if error.retry_after is not None else _ERROR_EVERY

    async def _pause(self, account_id: UUID, words: str) -> None:
        async with self._transactions() as tx:
            account: Account = await tx.accounts.get(account_id)
            await tx.accounts.update(
                replace(account, state=AccountState.PAUSED, reason=words, checked_at=self._clock.now())
            )

    async def _entry(self, tx: UnitOfWork, job: Job, verdict: str, rule: str, words: str) -> TraceEntry:
        account = await tx.accounts.get(job.account_id) if job.account_id else None
        return TraceEntry(self._clock.now(), Rung(job.provider, account).label, verdict, rule, words)


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
