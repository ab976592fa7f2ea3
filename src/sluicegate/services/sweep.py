"""The sweep: makes sure that every unfinished job has a task, and that ready ones are looked for now and then."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.clock import SystemClock
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.ports import Clock, Task, UnitOfWorkFactory
from sluicegate.services.task_kinds import ENGINE_STORE, MEDIA, MEDIA_ADMIT, PLACE, sync_task

__all__ = ["SweepService"]

_PAGE: Final = 500
_LOOKS_AT_ONCE: Final = 20
"""Accounts with nothing in flight that one sweep sends somebody to: it runs often, so they need no crowd."""


class SweepService:
    """Adds the task that an unfinished job needs; a task that is there already is left alone."""

    def __init__(
        self, transactions: UnitOfWorkFactory, clock: Clock | None = None, *, kept_every: float = 3600.0
    ) -> None:
        self._transactions = transactions
        self._clock = clock or SystemClock()
        self._kept_every = timedelta(seconds=kept_every)

    async def run(self) -> int:
        """Looks at every unfinished job once; returns how many tasks had to be added."""
        return await self._library() + await self._kept() + await self._media()

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

    async def _kept(self) -> int:
        """Accounts whose ready jobs nobody has looked for in a while."""
        async with self._transactions() as tx:
            overdue = await tx.looks.overdue(self._clock.now() - self._kept_every, limit=_LOOKS_AT_ONCE)
            tasks = [replace(sync_task(provider, account), again=False) for provider, account in overdue]
            return sum([await tx.tasks.add(task) for task in tasks])

    async def _media(self) -> int:
        """Media jobs with a place at work need their task; those in line need somebody who gives out places."""
        async with self._transactions() as tx:
            added = int(await tx.tasks.add(Task(MEDIA_ADMIT, "", again=False)))
        after: UUID | None = None
        while True:
            async with self._transactions() as tx:
                jobs = await tx.media_jobs.unfinished(limit=_PAGE, after=after, admitted=True)
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
