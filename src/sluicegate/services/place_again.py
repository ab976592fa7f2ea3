"""Giving a job back to the cascade when its transfer is gone or dead, and a free slot to whoever waits for it."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.errors import NotFound
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.ports import Task, UnitOfWork
from sluicegate.core.trace import TraceEntry
from sluicegate.services.rungs import rung_of
from sluicegate.services.task_kinds import PLACE

__all__ = ["job_label", "moved_to", "place_again", "place_now", "slot_freed"]


async def place_again(tx: UnitOfWork, job: Job, at: datetime, *, verdict: str, rule: str, words: str) -> Job:
    """Forgets the job's transfer and lets the cascade look for the next way at once; returns the job as it is now.

    Nothing happens when the job is over or has moved on meanwhile. The verdict ``failed`` spends the rung for this job.
    What the user has seen of its progress stays: it goes on from there when the next transfer has come as far.
    """
    current = await tx.jobs.get(job.id, lock=True)
    if current.state.over or current.place != job.place:
        return current
    check_move(current.state, JobState.QUEUED)
    await tx.traces.add(job.id, TraceEntry(at, await job_label(tx, job), verdict, rule, words))
    await tx.tasks.add(place_now(job.id))
    if job.account_id is not None:
        await slot_freed(tx, job.account_id)
    return await tx.jobs.update(
        replace(
            moved_to(current, "", None, ""),
            state=JobState.QUEUED,
            speed=None,
            waiting=f"{words} Trying the next way.",
        )
    )


def moved_to(job: Job, provider: str, account_id: UUID | None, transfer_id: str) -> Job:
    """The job with its transfer at another place; what was missing at the old one is missing no more."""
    return replace(
        job,
        provider=provider,
        account_id=account_id,
        transfer_id=transfer_id,
        waiting="",
        missing_since=None,
        missing="",
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


def place_now(job_id: UUID) -> Task:
    """The task that places a job, now also when it waits for a later time."""
    return Task(PLACE, str(job_id), at_once=True)
