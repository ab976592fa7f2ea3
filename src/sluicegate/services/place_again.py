"""Giving a job back to the cascade when its transfer is gone, dead or out of reach."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.ports import Task, UnitOfWork
from sluicegate.core.trace import TraceEntry
from sluicegate.services.rungs import Rung
from sluicegate.services.task_kinds import PLACE

__all__ = ["place_again", "rung_label"]


async def place_again(tx: UnitOfWork, job: Job, at: datetime, *, verdict: str, rule: str, words: str) -> Job:
    """Forgets the job's transfer and lets the cascade look for the next way; returns the job as it is now.

    Nothing happens when the job is over or has moved on meanwhile. The verdict ``failed`` spends the rung for this job.
    """
    current = await tx.jobs.get(job.id, lock=True)
    if current.state.over or current.transfer_id != job.transfer_id:
        return current
    check_move(current.state, JobState.QUEUED)
    label = await rung_label(tx, job.provider, job.account_id)
    await tx.traces.add(job.id, TraceEntry(at, label, verdict, rule, words))
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


async def rung_label(tx: UnitOfWork, provider: str, account_id: UUID | None) -> str:
    """The name of a job's rung in its trace."""
    account = await tx.accounts.get(account_id) if account_id else None
    return Rung(provider, account).label
