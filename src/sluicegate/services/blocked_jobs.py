"""Jobs whose name turns out to be on the blocklist, or came onto it: they stop with a clear error.

Nothing is deleted at providers: the transfer there is its owner's. Only our own engines stop fetching.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.blocklist import ContentGate
from sluicegate.core.errors import ContentBlocked, PolicyDenied
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.ports import Clock, Task, UnitOfWorkFactory
from sluicegate.core.trace import TraceEntry
from sluicegate.services.task_kinds import ENGINE_CLEANUP

__all__ = ["BlockedJobs"]

_PAGE: Final = 500


class BlockedJobs:
    """Stops unfinished jobs that the blocklist names."""

    def __init__(self, transactions: UnitOfWorkFactory, gate: ContentGate, clock: Clock) -> None:
        self._transactions = transactions
        self._gate = gate
        self._clock = clock

    async def sweep(self) -> int:
        """Looks at every unfinished job once; returns how many were stopped."""
        stopped, after = 0, None
        while True:
            async with self._transactions() as tx:
                jobs = await tx.jobs.unfinished(limit=_PAGE, after=after)
            stopped += sum([await self._look(job) for job in jobs])
            if len(jobs) < _PAGE:
                return stopped
            after = jobs[-1].id

    async def stopped(self, job_id: UUID, names: Iterable[str]) -> Job | None:
        """The job, ended, when the list refuses one of the names that became known; else None."""
        try:
            await self._gate.check_names(names)
        except ContentBlocked as error:
            return await self.stop(job_id, error)
        except PolicyDenied:
            return None  # there is no list yet
        return None

    async def stop(self, job_id: UUID, error: ContentBlocked) -> Job:
        """Ends a job; one that is over already stays as it is."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, lock=True)
            if job.state.over:
                return job
            check_move(job.state, JobState.FAILED)
            words = f"{error.detail} {error.action}"
            await tx.traces.add(job_id, TraceEntry(self._clock.now(), "blocklist", "stopped", error.code, words))
            if job.transfer_id and job.provider in LOCAL_PROVIDERS:
                await tx.tasks.add(Task(ENGINE_CLEANUP, str(job_id)))
            ended = replace(job, state=JobState.FAILED, error_code=error.code, error=words, waiting="", speed=None)
            return await tx.jobs.update(ended)

    async def _look(self, job: Job) -> bool:
        try:
            await self._gate.check_job(job.info_hash, job.name, job.source_uri)
        except ContentBlocked as error:
            return (await self.stop(job.id, error)).error_code == error.code
        except PolicyDenied:
            return False  # there is no list yet: nothing new is let in, but what runs goes on
        return False
