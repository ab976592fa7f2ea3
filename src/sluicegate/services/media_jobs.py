"""Media jobs, the part a caller sees: creating, reading, cancelling."""

from dataclasses import replace
from uuid import UUID, uuid4

from sluicegate.core.errors import IllegalMove
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaState, MediaStep, check_media_move
from sluicegate.core.ports import Clock, Task, UnitOfWorkFactory
from sluicegate.core.sources import WebLink
from sluicegate.services.playback import LinkSigner
from sluicegate.services.task_kinds import MEDIA

__all__ = ["CANCELLED", "FILE_SECONDS", "MediaJobService"]

FILE_SECONDS = 24 * 3600
"""Validity of a file URL (media jobs sheet, section 5.3)."""

CANCELLED = "Job cancelled by user"
"""Error text of a cancelled job, fixed by the contract (section 2.3)."""


class MediaJobService:
    """A user's media jobs; every call is bound to one user."""

    def __init__(self, transactions: UnitOfWorkFactory, signer: LinkSigner, clock: Clock) -> None:
        self._transactions = transactions
        self._signer = signer
        self._clock = clock

    async def create(self, user_id: UUID, link: WebLink, options: MediaOptions) -> MediaJob:
        """Accepts a job; it and its task are committed together."""
        now = self._clock.now()
        job = MediaJob(uuid4(), user_id, link.url, MediaState.PENDING, MediaStep.QUEUED, options, now, now)
        async with self._transactions() as tx:
            await tx.media_jobs.add(job)
            await tx.tasks.add(Task(MEDIA, str(job.id)))
        return job

    async def get(self, user_id: UUID, job_id: UUID) -> MediaJob:
        """One own job. Raises NotFound, also for foreign jobs."""
        async with self._transactions() as tx:
            return await tx.media_jobs.get(job_id, user_id=user_id)

    async def page(
        self, user_id: UUID, *, limit: int, offset: int, state: MediaState | None = None
    ) -> tuple[list[MediaJob], int]:
        """Own jobs, newest first, and how many there are in all, whatever ``state`` says (sheet, section 6.1)."""
        async with self._transactions() as tx:
            jobs = await tx.media_jobs.page(user_id, limit=limit, offset=offset, state=state)
            return jobs, await tx.media_jobs.count(user_id)

    async def cancel(self, user_id: UUID, job_id: UUID) -> MediaJob:
        """Takes a pending job out of the queue; success guarantees that it never starts.

        Raises:
            NotFound: unknown or foreign job.
            IllegalMove: it is not pending any more.
        """
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, user_id=user_id, lock=True)
            if job.state is not MediaState.PENDING:
                raise IllegalMove("Job cannot be cancelled (not in queue or already processing)")
            check_media_move(job.state, MediaState.FAILED)
            cancelled = replace(
                job,
                state=MediaState.FAILED,
                error=CANCELLED,
                error_code="cancelled",
                finished_at=self._clock.now(),
            )
            return await tx.media_jobs.update(cancelled)

    def file_url(self, job: MediaJob, part: str = "media") -> str | None:
        """A freshly signed URL for ``media``, ``subtitle`` or ``thumbnail``, or None while there is no such file."""
        keys = {"media": job.stored_key, "subtitle": job.subtitle_key, "thumbnail": job.thumbnail_key}
        key = keys[part]
        if job.state is not MediaState.COMPLETED or key is None:
            return None
        return self._signer.sign(
            user_id=job.user_id,
            job_kind="media",
            job_id=job.id,
            file_id=part,
            name=key.rpartition("/")[2],
            expires_in=FILE_SECONDS,
        )
