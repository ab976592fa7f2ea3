"""Named points at which a test lets the process die as if by ``kill -9``.

The promise that nothing is lost and nothing done twice is proven by dying exactly between two steps. A point costs one
comparison while it is not armed.
"""

import os
import signal
from enum import StrEnum

__all__ = ["CrashPoint", "arm", "crash_point"]


class CrashPoint(StrEnum):
    """Where a crash hurts most: each lies between two steps that must not be torn apart unnoticed."""

    ACCEPTED = "accepted"
    """A job is committed; its caller has not been told."""
    INTENDED = "intended"
    """It is written down that a provider will be asked to make a transfer; it was not asked yet."""
    CREATED = "created"
    """A provider has accepted a transfer; our row does not know it yet."""
    PLACED = "placed"
    """The row knows its transfer; the task is not over yet."""
    LEAVING = "leaving"
    """It is decided that a job looks for another way; nobody was asked yet."""
    SWITCHED = "switched"
    """A job counts on a transfer that it had left behind before."""
    ADOPTED = "adopted"
    """All files are in the storage; the job is not ready yet."""
    FINISHED = "finished"
    """The job is ready; the local transfer is not released yet."""
    FETCHED = "fetched"
    """A media job's bytes are on disk; the row does not know it yet."""
    LISTED = "listed"
    """A provider's listing is read; nothing of it is written yet."""
    TOLD_READY = "told_ready"
    """A provider has told the files of a finished transfer; the job is not ready yet."""
    MARKED = "marked"
    """What a listing lacks is marked; the account's look is not written yet."""
    GIVEN_BACK = "given_back"
    """A job whose transfer is gone is back with the cascade; the rest of its account is not synced yet."""
    ERASING = "erasing"
    """A removed job's copies are gone where its owner asked for it; its row is still there."""
    FEED_READ = "feed_read"
    """A feed's items are handed in; the feed itself is not written yet, and this process still holds it."""
    KEPT = "kept"
    """A media job's file is in the storage; the job is not completed yet."""
    TOLD = "told"
    """A receiver has taken a webhook; our log does not know it yet."""
    MAILED = "mailed"
    """A mail server has taken a mail; our row does not know it yet."""
    PART_SENT = "part_sent"
    """A bucket has confirmed a part of an upload, and the row of the upload knows it."""
    DELIVERED = "delivered"
    """A bucket holds a delivered file whole; the delivery is not done yet."""
    KEY_BESIDE = "key_beside"
    """A new master key lies beside the old one; nothing is sealed with it."""
    PAGE_SEALED = "page_sealed"
    """A page of values is sealed with the new master key; others are not."""
    SEALED_ANEW = "sealed_anew"
    """Everything is sealed with the new master key; the old one still counts."""
    RESTORE_LOADED = "restore_loaded"
    """A database holds a backup whose transaction is not committed."""
    RESTORE_STAGED = "restore_staged"
    """A backup is unpacked beside the installation; nothing of it counts yet."""
    RESTORE_DECIDED = "restore_decided"
    """It is written down that the unpacked backup counts; nothing is in its place yet."""
    RESTORE_MOVED = "restore_moved"
    """A part of a backup is in its place; others are not."""


_armed: CrashPoint | None = None


def arm(point: CrashPoint | None) -> None:
    """Chooses the point at which this process dies; None for no point."""
    global _armed  # noqa: PLW0603 - one process, one death
    _armed = point


def crash_point(point: CrashPoint) -> None:
    """Dies here and now, without any clean-up, when armed for ``point``."""
    if _armed is point:
        os.kill(os.getpid(), signal.SIGKILL)
