"""What one transfer's news does to its job: it advances, ends, or looks for another way."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import HeldBack, TransferNotReady, UpstreamError
from sluicegate.core.files import JobFile, RemoteFile
from sluicegate.core.jobs import Job, JobState, KeptJob, check_move
from sluicegate.core.names import mime_type_of
from sluicegate.core.ports import Clock, Task, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.blocked_jobs import BlockedJobs
from sluicegate.services.place_again import job_label, place_again, slot_freed
from sluicegate.services.progress import advance, worth_writing
from sluicegate.services.task_kinds import ENGINE_STORE

__all__ = ["TransferNews", "needs_steps", "says_nothing_new"]


class TransferNews:
    """Writes news of single transfers into their jobs."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock, gate: ContentGate = OPEN_GATE) -> None:
        self._transactions = transactions
        self._blocked = BlockedJobs(transactions, gate, clock)
        self._clock = clock

    async def apply(self, adapter: Provider, job: Job, transfer: Transfer) -> Job:
        """Writes one transfer's news into its job; returns the job as it is now."""
        if transfer.state is TransferState.FAILED:
            words = "The provider gave up on it" + (f": {transfer.detail}" if transfer.detail else ".")
            after = await self.place_again(job, "transfer_failed", words, spent=True)
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

    async def place_again(self, job: Job, rule: str, words: str, *, spent: bool = False) -> Job:
        """The transfer is gone or dead: the job goes back to the cascade, which skips the spent rung."""
        verdict = "failed" if spent else "lost"
        async with self._transactions() as tx:
            after = await place_again(tx, job, self._clock.now(), verdict=verdict, rule=rule, words=words)
            if await tx.jobs.mark_seen([job.id]):
                after = await tx.jobs.get(job.id)
        crash_point(CrashPoint.GIVEN_BACK)
        return after

    async def say(self, job: Job, error: UpstreamError) -> None:
        """Says on a job what is wrong."""
        words = f"{error.detail} {error.action}"
        if job.waiting != words and not says_nothing_new(error):
            await self._write(job.id, lambda current: replace(current, waiting=words, speed=None))

    async def adopt(self, adapter: Provider, kept: KeptJob, transfer: Transfer) -> None:
        """A ready job's content is at the provider under another id: its files are asked for there from now on."""
        remote = transfer.files if transfer.files is not None else await adapter.files(transfer.id)
        async with self._transactions() as tx:
            job = await tx.jobs.get(kept.id, lock=True)
            if job.state is not JobState.READY or job.transfer_id != kept.transfer_id:
                return
            known = {file.index: file for file in await tx.files.page(job.id)}
            if {file.index: file.size for file in remote} != {file.index: file.size for file in known.values()}:
                return  # not what its owner has: better missing than another film
            await tx.files.replace(job.id, [_job_file(job.id, file) for file in remote])
            await tx.jobs.update(replace(job, transfer_id=transfer.id, missing_since=None, missing=""))

    async def _finish(self, adapter: Provider, job: Job, transfer: Transfer) -> Job:
        """All bytes are at the provider: its files become the job's; local ones are stored before it is ready."""
        remote = transfer.files if transfer.files is not None else await adapter.files(transfer.id)
        crash_point(CrashPoint.TOLD_READY)
        if (
            stopped := await self._blocked.stopped(job.id, [transfer.name, *(file.path for file in remote)])
        ) is not None:
            return stopped
        local = adapter.name in LOCAL_PROVIDERS
        async with self._transactions() as tx:
            current = await tx.jobs.get(job.id, lock=True)
            if current.state.over or current.transfer_id != job.transfer_id:
                return current
            state = JobState.UPLOADING if local else JobState.READY
            check_move(current.state, state)
            await tx.files.replace(job.id, [_job_file(job.id, file) for file in remote])
            if local:
                await tx.tasks.add(Task(ENGINE_STORE, str(job.id)))
                if current.state is JobState.UPLOADING:
                    return current
            else:
                words = f"All {len(remote)} files are at the provider."
                entry = TraceEntry(self._clock.now(), await job_label(tx, job), "finished", "transfer-ready", words)
                await tx.traces.add(job.id, entry)
                if job.account_id is not None:
                    await slot_freed(tx, job.account_id)
            size = sum(file.size for file in remote if file.size > 0)
            return await tx.jobs.update(
                replace(
                    current,
                    state=state,
                    progress=1.0,
                    speed=None,
                    waiting="Storing the files." if local else "",
                    name=current.name or transfer.name,
                    size=size or transfer.size,
                    missing_since=None,
                    missing="",
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


def needs_steps(transfer: Transfer) -> bool:
    """Whether its news is more than new figures, so that it is written by itself."""
    return transfer.state in {TransferState.SELECTING, TransferState.READY, TransferState.FAILED}


def says_nothing_new(error: UpstreamError) -> bool:
    """That a call's turn comes a little later is nothing to report."""
    return isinstance(error, HeldBack | TransferNotReady)


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
