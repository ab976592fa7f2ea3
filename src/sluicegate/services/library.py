"""The library: a user's own jobs, read and cancelled."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.places import ListPlace
from sluicegate.core.ports import Task, UnitOfWorkFactory
from sluicegate.core.trace import TraceEntry
from sluicegate.services.task_kinds import ENGINE_CLEANUP

__all__ = ["LibraryService"]


class LibraryService:
    """Reading and cancelling jobs; every call is bound to one user."""

    def __init__(self, transactions: UnitOfWorkFactory) -> None:
        self._transactions = transactions

    async def page(self, user_id: UUID, *, limit: int, offset: int, place: ListPlace | None = None) -> list[Job]:
        """Own jobs, newest first, from ``place`` on when there is one."""
        async with self._transactions() as tx:
            return await tx.jobs.page(user_id, limit=limit, offset=offset, place=place)

    async def get(self, user_id: UUID, job_id: UUID) -> tuple[Job, list[JobFile]]:
        """One own job with its files. Raises NotFound, also for foreign jobs."""
        async with self._transactions() as tx:
            return await tx.jobs.get(job_id, user_id=user_id), await tx.files.page(job_id)

    async def some_files(self, user_id: UUID, job_id: UUID, *, limit: int, offset: int) -> tuple[Job, list[JobFile]]:
        """One own job with a page of its files. Raises NotFound, also for foreign jobs."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id)
            return job, await tx.files.page(job_id, limit=limit, offset=offset)

    async def paths(self, user_id: UUID, job_id: UUID, file_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Paths of some files of an own job. Raises NotFound, also for foreign jobs."""
        async with self._transactions() as tx:
            await tx.jobs.get(job_id, user_id=user_id)
            return await tx.files.paths(job_id, file_ids)

    async def trace(
        self, user_id: UUID, job_id: UUID, *, limit: int = 500, offset: int = 0, newest: bool = False
    ) -> list[TraceEntry]:
        """Why the job is where it is, oldest first; with ``newest`` counted from the end. Raises NotFound."""
        async with self._transactions() as tx:
            await tx.jobs.get(job_id, user_id=user_id)
            return await tx.traces.page(job_id, limit=limit, offset=offset, newest=newest)

    async def cancel(self, user_id: UUID, job_id: UUID) -> Job:
        """Cancels a job in flight; one that is over stays as it is. Raises NotFound."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id, lock=True)
            if job.state.over:
                return job
            check_move(job.state, JobState.CANCELLED)
            job = await tx.jobs.update(replace(job, state=JobState.CANCELLED, speed=None, waiting=""))
            if job.transfer_id and job.provider in LOCAL_PROVIDERS:
                await tx.tasks.add(Task(ENGINE_CLEANUP, str(job.id)))
            return job
