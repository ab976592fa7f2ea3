"""Tombstones: what a user removes is hidden at once, comes back on request, and goes for good only after a while.

What goes then is ours: the row with its files and links, and own copies that no other job names. The provider's copy
goes only if its owner asked for that.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import AlreadyExists, NotFound, NotSupported, Retry, UpstreamError
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, Storages, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.provider import Capability
from sluicegate.services.account_pause import is_usable
from sluicegate.services.task_kinds import ENGINE_DROP, ERASE, PLACE, sync_task

__all__ = ["TombstoneService"]

_AT_ONCE: Final = 100
_OWN_STORAGE: Final = "local"
_log: Final = logging.getLogger(__name__)


class TombstoneService:
    """Removing, bringing back, and erasing when the time is over.

    Args:
        transactions: opens units of work.
        providers: makes the adapters that remove a provider's copy.
        storages: where own copies lie.
        clock: tells when the time is over.
        grace: how long a removed job can be brought back.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        storages: Storages,
        clock: Clock,
        *,
        grace: timedelta,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._storages = storages
        self._clock = clock
        self._grace = grace

    def ends_at(self, job: Job) -> datetime | None:
        """When a removed job goes for good."""
        return None if job.removed_at is None else job.removed_at + self._grace

    async def remove(self, user_id: UUID, job_id: UUID, *, at_provider: bool = False) -> Job:
        """Hides an own job, and ends it when it is unfinished; the same again only changes ``at_provider``.

        Raises:
            NotFound: unknown or foreign job.
            NotSupported: the provider's copy cannot be removed by us.
        """
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id, lock=True, removed=True)
            if at_provider:
                await self._check_removable(tx, job)
            if job.removed_at is None:
                job = await self._hidden(tx, job)
            if not self._grace:
                await tx.tasks.add(Task(ERASE, "", at_once=True))
            return await tx.jobs.update(replace(job, removes_upstream=at_provider))

    async def restore(self, user_id: UUID, job_id: UUID) -> Job:
        """Brings an own job back as it was; one that was unfinished goes on. One that is not removed stays as it is.

        Raises:
            NotFound: unknown or foreign job, or it has gone for good.
            AlreadyExists: its source was handed in again meanwhile.
        """
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, user_id=user_id, lock=True, removed=True)
            if job.removed_at is None:
                return job
            back = replace(job, removed_at=None, removed_from=None, removes_upstream=False)
            if job.removed_from is None:
                return await tx.jobs.update(back)
            if await tx.jobs.current(user_id, job.info_hash) is not None:
                raise AlreadyExists("Its source was handed in again meanwhile.", action="Use the newer job.")
            back = replace(back, state=JobState.QUEUED, waiting="Brought back by its owner.")
            if job.provider in LOCAL_PROVIDERS:
                back = replace(back, provider="", transfer_id="")  # the engine has let go of it
            again = sync_task(back.provider, back.account_id) if back.transfer_id else Task(PLACE, str(job.id))
            await tx.tasks.add(again)
            return await tx.jobs.update(back)

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Job]:
        """What a user removed and can bring back, the last removed first."""
        async with self._transactions() as tx:
            return await tx.jobs.removed(user_id, limit=limit, offset=offset)

    async def erase_due(self) -> int:
        """Erases what was removed longer ago than the grace period; how many. Run again and again by the worker."""
        async with self._transactions() as tx:
            due = await tx.jobs.removed_before(self._clock.now() - self._grace, limit=_AT_ONCE)
        return sum([await self._erase(job) for job in due])

    async def _hidden(self, tx: UnitOfWork, job: Job) -> Job:
        hidden = replace(job, removed_at=self._clock.now())
        if job.state.over:
            return hidden
        check_move(job.state, JobState.CANCELLED)
        if job.transfer_id and job.provider in LOCAL_PROVIDERS:
            # By its own name: the row may be gone before the engine is asked.
            await tx.tasks.add(Task(ENGINE_DROP, f"{job.provider}:{job.transfer_id}"))
        return replace(hidden, state=JobState.CANCELLED, removed_from=job.state, speed=None, waiting="")

    async def _check_removable(self, tx: UnitOfWork, job: Job) -> None:
        if job.account_id is None or not job.transfer_id:
            return
        if job.account_id not in {account.id for account in await tx.accounts.page(job.user_id)}:
            raise NotSupported("This is not in an account of yours, so its copy there is not yours to remove.")
        if not self._providers.kind(job.provider).can(Capability.REMOVE):
            raise NotSupported(f"{job.provider} cannot remove transfers for us.", provider=job.provider)

    async def _erase(self, job: Job) -> bool:
        """Removes what goes with a job and then its row; safe to run again after a crash at any point."""
        if job.removes_upstream and not await self._removed_upstream(job):
            return False
        async with self._transactions() as tx:
            copies = await tx.files.last_copies(job.id)
        for copy in copies:
            if copy.storage == _OWN_STORAGE and copy.stored_key is not None:
                await self._storages.get(_OWN_STORAGE).delete(copy.stored_key)
        crash_point(CrashPoint.ERASING)
        async with self._transactions() as tx:
            await tx.jobs.erase(job.id)
        return True

    async def _removed_upstream(self, job: Job) -> bool:
        """Whether the provider's copy is gone, or never ours to remove; else it is tried again later."""
        if job.account_id is None or not job.transfer_id or await self._shared(job, job.account_id):
            return True
        try:
            async with self._transactions() as tx:
                if not is_usable(await tx.accounts.get(job.account_id)):
                    return False
                credential = await tx.accounts.credential(job.account_id)
            async with self._providers.open(job.provider, credential, priority=Priority.BACKGROUND) as adapter:
                await adapter.remove(job.transfer_id)
        except NotFound:
            return True  # the account is gone, and with it our way to the copy
        except UpstreamError as error:
            _log.info("a removed job's copy at %s is still there: %s", job.provider, error.detail)
            return error.retry is Retry.NEVER
        return True

    async def _shared(self, job: Job, account_id: UUID) -> bool:
        """Whether another job counts on the same transfer."""
        async with self._transactions() as tx:
            kept = [(other.id, other.transfer_id) for other in await tx.jobs.kept(account_id)]
            active = [(other.id, other.transfer_id) for other in await tx.jobs.in_flight(job.provider, account_id)]
        return any(transfer == job.transfer_id and other != job.id for other, transfer in [*kept, *active])
