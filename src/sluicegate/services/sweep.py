"""The sweep: makes sure that every unfinished job has a task, whatever crashed before."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.ports import Task, UnitOfWorkFactory
from sluicegate.services.task_kinds import ENGINE_STORE, MEDIA, PLACE, sync_task

__all__ = ["SweepService"]

_PAGE: Final = 500


class SweepService:
    """Adds the task that an unfinished job needs; a task that is there already is left alone."""

    def __init__(self, transactions: UnitOfWorkFactory) -> None:
        self._transactions = transactions

    async def run(self) -> int:
        """Looks at every unfinished job once; returns how many tasks had to be added."""
        return await self._library() + await self._media()

    async def _library(self) -> int:
        added, after = 0, None
        while True:
            async with self._transactions() as tx:
                jobs = await tx.jobs.unfinished(limit=_PAGE, after=after)
                wanted = {task.dedupe_key: replace(task, again=False) for task in map(_task_for, jobs)}
                added += sum([await tx.tasks.add(task) for task in wanted.values()])
            if len(jobs) < _PAGE:
                return added
            after = jobs[-1].id

    async def _media(self) -> int:
        added = 0
        after: UUID | None = None
        while True:
            async with self._transactions() as tx:
                jobs = await tx.media_jobs.unfinished(limit=_PAGE, after=after)
                added += sum([await tx.tasks.add(Task(MEDIA, str(job.id), again=False)) for job in jobs])
            if len(jobs) < _PAGE:
                return added
            after = jobs[-1].id


def _task_for(job: Job) -> Task:
    if not job.transfer_id:
        return Task(PLACE, str(job.id))
    if job.state is JobState.UPLOADING and job.provider in LOCAL_PROVIDERS:
        return Task(ENGINE_STORE, str(job.id))
    return sync_task(job.provider, job.account_id)
