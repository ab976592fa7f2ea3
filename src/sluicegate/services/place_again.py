"""Giving a job back to the cascade when its transfer is gone or dead, and a free slot to whoever waits for it."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.errors import NotFound
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.ports import Task, UnitOfWork
from sluicegate.core.trace import TraceEntry
from sluicegate.services.rungs import Rung, rung_of
from sluicegate.services.task_kinds import PLACE

__all__ = ["job_label", "place_again", "place_now", "rung_label", "slot_freed"]


async def place_again(tx: UnitOfWork, job: Job, at: datetime, *, verdict: str, rule: str, words: str) -> Job:
    """Forgets the job's transfer and lets the cascade look for the next way at once; returns the job as it is now.

    Nothing happens when the job is over or has moved on meanwhile. The verdict ``failed`` spends the rung for this job.
    What the user has seen of its progress stays: it goes on from there when the next transfer has come as far.
    """
    current = await tx.jobs.get(job.id, lock=True)
    if current.state.over or current.transfer_id != job.transfer_id:
        return current
    check_move(current.state, JobState.QUEUED)
    await tx.traces.add(job.id, TraceEntry(at, await job_label(tx, job), verdict, rule, words))
    await tx.tasks.add(place_now(job.id))
    if job.account_id is not None:
        await slot_freed(tx, job.account_id)
    return await tx.jobs.update(
        replace(
            current,
            state=JobState.QUEUED,
            provider="",
            account_id=None,
            transfer_id="",
            speed=None,
            waiting=f"{words} Trying the next way.",
        )
    )


async def slot_freed(tx: UnitOfWork, account_id: UUID) -> None:
    """A transfer of this account has ended: whoever has waited longest for its slot is placed now."""
    if (waiting := await tx.placements.next_waiting(account_id)) is not None:
        await tx.tasks.add(place_now(waiting))


async def job_label(tx: UnitOfWork, job: Job) -> str:
    """The name of a placed job's rung in its trace."""
    account: Account | None = None
    if job.account_id is not None:
        try:
            account = await tx.accounts.get(job.account_id)
        except NotFound:
            return f"{job.provider} (removed)"
    return rung_of(job, account).label


async def rung_label(tx: UnitOfWork, provider: str, account_id: UUID | None) -> str:
    """The name of one of the user's own rungs; ``job_label`` also knows the shared ones."""
    account = await tx.accounts.get(account_id) if account_id else None
    return Rung(provider, account).label


def place_now(job_id: UUID) -> Task:
    """The task that places a job, now also when it waits for a later time."""
    return Task(PLACE, str(job_id), at_once=True)
