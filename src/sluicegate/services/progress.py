"""Reading a transfer into a job: the rules by which progress, states and words move."""

from dataclasses import replace
from typing import Final

from sluicegate.core.jobs import LEGAL_MOVES, Job, JobState
from sluicegate.core.transfers import Transfer, TransferState

__all__ = ["advance", "worth_writing"]

_STATE_OF: Final[dict[TransferState, JobState]] = {
    TransferState.QUEUED: JobState.QUEUED,
    TransferState.RESOLVING: JobState.QUEUED,
    TransferState.SELECTING: JobState.QUEUED,
    TransferState.DOWNLOADING: JobState.DOWNLOADING,
    TransferState.STALLED: JobState.DOWNLOADING,
    TransferState.PROCESSING: JobState.UPLOADING,
}

_WAITING_FOR: Final[dict[TransferState, str]] = {
    TransferState.UNKNOWN: "The provider reports a state that is not known here; it is asked again.",
    TransferState.QUEUED: "Waiting for a free slot at the provider.",
    TransferState.RESOLVING: "Waiting for the torrent's metadata from its peers.",
    TransferState.SELECTING: "Selecting the files.",
    TransferState.STALLED: "No bytes are moving: no seeders are connected yet.",
}

_STEP: Final = 0.001
"""Smaller steps of progress are not worth a write and a notification."""


def advance(job: Job, transfer: Transfer) -> Job:
    """The job after news about its unfinished transfer.

    Progress never goes backwards; a state never falls back from downloading to queued because a provider re-checks or
    re-queues; an unknown state changes nothing but the words.
    """
    state = _STATE_OF.get(transfer.state, job.state)
    back = state is JobState.QUEUED or (state is JobState.DOWNLOADING and job.state is JobState.UPLOADING)
    if back or state not in LEGAL_MOVES[job.state]:
        state = job.state
    return replace(
        job,
        state=state,
        progress=max(job.progress, min(transfer.progress, 1.0)),
        speed=transfer.speed,
        name=job.name or transfer.name,
        size=transfer.size if transfer.size is not None else job.size,
        waiting=_waiting(transfer),
        missing_since=None,
        missing="",
    )


def worth_writing(old: Job, new: Job) -> bool:
    """True when a person would notice the difference."""
    if (old.state, old.waiting, old.name, old.size) != (new.state, new.waiting, new.name, new.size):
        return True
    if (old.transfer_id, old.missing_since) != (new.transfer_id, new.missing_since):
        return True
    if (old.speed or 0) != (new.speed or 0) and not (old.speed and new.speed):
        return True
    return new.progress - old.progress >= _STEP


def _waiting(transfer: Transfer) -> str:
    """In plain words what it waits for; the provider's own words follow where they add something."""
    words = _WAITING_FOR.get(transfer.state, "")
    if words and transfer.detail:
        return f"{words} ({transfer.detail})"
    return words
