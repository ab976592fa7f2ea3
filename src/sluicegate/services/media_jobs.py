"""Media jobs, the part a caller sees: creating, reading, cancelling, repeating, deleting files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.errors import Conflict, IllegalMove, NotFound
from sluicegate.core.media_batches import BatchState, MediaBatch
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaResult, MediaState, MediaStep
from sluicegate.core.media_targets import LOCAL_STORAGE, MediaTargets
from sluicegate.core.places import ListPlace
from sluicegate.core.ports import Clock, Storages, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.sources import WebLink
from sluicegate.services.media_keys import shown_key
from sluicegate.services.media_queue import ask_for_places
from sluicegate.services.media_settling import MediaSettling
from sluicegate.services.media_usage import check_quota
from sluicegate.services.playback import LinkSigner

__all__ = ["CANCELLED", "FILE_SECONDS", "Draft", "MediaJobService"]

FILE_SECONDS: Final = 24 * 3600
"""Validity of a file URL (media jobs sheet, section 5.3)."""

CANCELLED: Final = "Job cancelled by user"
"""Error text of a cancelled job, fixed by the contract (section 2.3)."""

_SINGLE: Final = 10
_IN_BATCH: Final = 0
"""A user's single job does not wait behind a batch of their own."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A job to be made; ``title`` is what a collection calls it."""

    link: WebLink
    options: MediaOptions
    title: str | None = None


class MediaJobService:
    """A user's media jobs; every call is bound to one user."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        signer: LinkSigner,
        storages: Storages,
        targets: MediaTargets,
        settling: MediaSettling,
        clock: Clock,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._gate = gate
        self._transactions = transactions
        self._signer = signer
        self._storages = storages
        self._targets = targets
        self._settling = settling
        self._clock = clock

    async def create(
        self, user_id: UUID, link: WebLink, options: MediaOptions, *, storage: str | None = None, priority: int = 0
    ) -> MediaJob:
        """Accepts a job; it and its place in the queue are committed together.

        Args:
            user_id: whose.
            link: page or file.
            options: checked already.
            storage: where its file goes; by default where the user's files go.
            priority: larger runs first among the user's own jobs.

        Raises:
            StorageQuotaExceeded: the user has no room left.
            ContentBlocked: the operator's blocklist names the link.
        """
        await self._gate.check_link(link.url)
        target = storage or await self._targets.current(user_id)
        options = replace(options, own_storage=storage is not None)
        job = replace(self._job(user_id, Draft(link, options), target), priority=_SINGLE + priority)
        async with self._transactions() as tx:
            await check_quota(tx, user_id)
            await self._add(tx, [replace(job, enqueued_at=job.created_at)])
        return job

    async def create_batch(
        self,
        user_id: UUID,
        drafts: Sequence[Draft],
        *,
        source_url: str | None = None,
        storage: str | None = None,
        paused: bool = False,
    ) -> tuple[MediaBatch, list[MediaJob]]:
        """Accepts many jobs as one batch; a paused one waits until it is started. Raises as ``create``."""
        for draft in drafts:
            await self._gate.check_link(draft.link.url)
        target = storage or await self._targets.current(user_id)
        now = self._clock.now()
        first = drafts[0].options
        own = storage is not None
        drafts = [replace(draft, options=replace(draft.options, own_storage=own)) for draft in drafts]
        state = BatchState.PAUSED if paused else BatchState.PROCESSING
        batch = MediaBatch(
            uuid4(), user_id, state, len(drafts), now, source_url, folder=first.folder, webhook_url=first.webhook_url
        )
        jobs = [
            replace(
                self._job(user_id, draft, target),
                batch_id=batch.id,
                position=number,
                priority=_IN_BATCH,
                enqueued_at=None if paused else now,
            )
            for number, draft in enumerate(drafts)
        ]
        async with self._transactions() as tx:
            await check_quota(tx, user_id)
            await tx.media_batches.add(batch)
            await self._add(tx, jobs)
        return batch, jobs

    async def get(self, user_id: UUID, job_id: UUID) -> MediaJob:
        """One own job. Raises NotFound, also for foreign jobs."""
        async with self._transactions() as tx:
            return await tx.media_jobs.get(job_id, user_id=user_id)

    async def page(
        self, user_id: UUID, *, limit: int, offset: int, state: MediaState | None = None, filtered: bool = False
    ) -> tuple[list[MediaJob], int]:
        """Own jobs, newest first, and how many there are in all, whatever ``state`` says unless ``filtered``.

        The contract's list counts all jobs (sheet, section 6.1), its dashboard those of the state (section 13).
        """
        async with self._transactions() as tx:
            jobs = await tx.media_jobs.page(user_id, limit=limit, offset=offset, state=state)
            return jobs, await tx.media_jobs.count(user_id, state=state if filtered else None)

    async def newest(
        self, user_id: UUID, *, limit: int, state: MediaState | None = None, place: ListPlace | None = None
    ) -> list[MediaJob]:
        """From ``place`` on, without counting, which takes longer than the page when there are very many."""
        async with self._transactions() as tx:
            return await tx.media_jobs.page(user_id, limit=limit, offset=0, state=state, place=place)

    async def cancel(self, user_id: UUID, job_id: UUID, *, at_work: bool = False) -> MediaJob:
        """Takes a pending job out of the queue; success guarantees that it never starts.

        Args:
            user_id: whose.
            job_id: which.
            at_work: also end a job that has begun; its processes are killed within seconds.

        Raises:
            NotFound: unknown or foreign job.
            IllegalMove: it is over, or has begun and ``at_work`` does not allow that.
        """
        async with self._transactions() as tx:
            job = await tx.media_jobs.get(job_id, user_id=user_id, lock=True)
            if job.state.over or not (at_work or job.state is MediaState.PENDING):
                raise IllegalMove("Job cannot be cancelled (not in queue or already processing)")
            told = replace(job, error=CANCELLED, error_code="cancelled", stored_key=None)
            return await self._settling.end(tx, told, MediaState.FAILED, silent=True)

    async def retry(self, user_id: UUID, job_id: UUID) -> MediaJob:
        """Makes a new job like one that failed; the old one stays as it is.

        Storage is where files go now, unless the request had named its own: then it is that one, as long as it is
        there.

        Raises:
            NotFound: unknown or foreign job.
            IllegalMove: it has not failed.
            StorageQuotaExceeded: the user has no room left.
        """
        old = await self.get(user_id, job_id)
        if old.state not in {MediaState.FAILED, MediaState.WARNING}:
            raise IllegalMove("Only failed or warning jobs can be retried")
        await self._gate.check_link(old.url)
        own = await self._own(old)
        options = replace(old.options, own_storage=own is not None)
        job = self._job(user_id, Draft(WebLink(old.url), options), own or await self._targets.current(user_id))
        job = replace(job, enqueued_at=job.created_at, priority=_SINGLE, retry_of=old.id)
        async with self._transactions() as tx:
            await check_quota(tx, user_id)
            await self._add(tx, [job])
        return job

    async def delete_file(self, user_id: UUID, job_id: UUID) -> tuple[MediaJob, str]:
        """Deletes the stored file, its subtitles and its thumbnail; the job and the counters stay.

        Returns:
            The job as it is now, and the key that was deleted, as its owner sees it.

        Raises:
            NotFound: unknown or foreign job.
            Conflict: it has no file.
            StorageError: the storage refuses or is away; everything is as before.
        """
        job = await self.get(user_id, job_id)
        if job.state is not MediaState.COMPLETED or job.stored_key is None:
            raise Conflict("Job has no file to delete")
        storage = self._storages.get(job.storage or LOCAL_STORAGE)
        for key in (job.stored_key, job.subtitle_key, job.thumbnail_key):
            if key is not None:
                await storage.delete(key)
        async with self._transactions() as tx:
            found = await tx.media_jobs.get(job_id, user_id=user_id, lock=True)
            bare = replace(found, stored_key=None, subtitle_key=None, thumbnail_key=None)
            return await tx.media_jobs.update(bare), shown_key(job, job.stored_key) or ""

    async def file_url(self, job: MediaJob, part: str = "media") -> str | None:
        """A freshly signed URL for ``media``, ``subtitle`` or ``thumbnail``, or None while there is no such file."""
        keys = {"media": job.stored_key, "subtitle": job.subtitle_key, "thumbnail": job.thumbnail_key}
        key = keys[part]
        if job.state is not MediaState.COMPLETED or key is None:
            return None
        if job.storage not in {None, LOCAL_STORAGE}:
            return await self._storages.get(job.storage or "").presign(key, expires_in=FILE_SECONDS)
        return self._signer.sign(
            user_id=job.user_id,
            job_kind="media",
            job_id=job.id,
            file_id=part,
            name=key.rpartition("/")[2],
            expires_in=FILE_SECONDS,
        )

    async def webhook_state(self, job: MediaJob) -> str | None:
        """How far telling the job's own receiver is; None when there is nothing to tell, or not yet."""
        if job.options.webhook_url is None:
            return None
        async with self._transactions() as tx:
            state = await tx.webhooks.job_state(job.id)
        return None if state is None else str(state)

    async def target(self, user_id: UUID, wanted: Mapping[str, Any]) -> str:
        """The storage that a request names for its own file. Raises InvalidInput."""
        return await self._targets.inline(user_id, wanted)

    async def _own(self, job: MediaJob) -> str | None:
        if job.storage is None or not job.options.own_storage:
            return None
        try:
            await self._targets.prefix(job.storage)
        except NotFound:
            return None
        return job.storage

    async def _add(self, tx: UnitOfWork, jobs: Sequence[MediaJob]) -> None:
        await tx.media_jobs.add_all(jobs)
        await tx.media_usage.count(jobs[0].user_id, jobs=len(jobs))
        if jobs[0].enqueued_at is not None:
            await ask_for_places(tx)

    def _job(self, user_id: UUID, draft: Draft, storage: str) -> MediaJob:
        now = self._clock.now()
        url = draft.link.url
        return MediaJob(
            uuid4(),
            user_id,
            url,
            MediaState.PENDING,
            MediaStep.QUEUED,
            draft.options,
            now,
            now,
            result=MediaResult(title=draft.title),
            storage=storage,
            host=urlsplit(url).hostname or "",
        )
