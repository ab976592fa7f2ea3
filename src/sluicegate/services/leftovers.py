"""Leftovers: transfers that a job left behind, and creates of which nobody knows whether they made one.

Both have an open intent at a place where the job is not. They are looked at now and then: what was never made is
forgotten, what is ready first is used, and what is there for nothing is told; it is removed only where the operator's
rule says so, or where it lies unfinished on our own disk.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.cascade import CascadeRules, Stray
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import NotFound, UpstreamError
from sluicegate.core.jobs import Job, JobState
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.provider import Provider
from sluicegate.core.sources import SourceKind
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.account_pause import is_usable
from sluicegate.services.listing import list_all
from sluicegate.services.place_again import job_label, moved_to
from sluicegate.services.task_kinds import sync_task

__all__ = ["LeftoverService"]

_BATCH: Final = 200
_SETTLED: Final = 120.0
"""A create that is under way has an open intent too; no create takes this long."""
_EVERY: Final = 300.0


class LeftoverService:
    """Clears up behind the cascade.

    Args:
        settled: seconds after which an intent is no create under way any more.
        every: seconds between two looks at the same leftover.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        clock: Clock,
        rules: CascadeRules | None = None,
        *,
        settled: float = _SETTLED,
        every: float = _EVERY,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._clock = clock
        self._rules = rules or CascadeRules()
        self._settled = timedelta(seconds=settled)
        self._every = timedelta(seconds=every)

    async def run(self, *, local: bool) -> None:
        """Looks at what is due at the local providers, or at all others; one listing for each account."""
        now = self._clock.now()
        async with self._transactions() as tx:
            strays = await tx.placements.strays(now - self._settled, now - self._every, local=local, limit=_BATCH)
        places: defaultdict[tuple[str, UUID | None], list[Stray]] = defaultdict(list)
        for stray in strays:
            places[stray.provider, stray.account_id].append(stray)
        for (provider, account_id), lying in places.items():
            await self._look_at(provider, account_id, lying)

    async def _look_at(self, provider: str, account_id: UUID | None, strays: Sequence[Stray]) -> None:
        try:
            async with await self._open(provider, account_id) as adapter:
                by_hash = {each.info_hash: each for each in await list_all(adapter) if each.info_hash}
                for stray in strays:
                    await self._settle(adapter, stray, by_hash)
        except NotFound:
            for stray in strays:
                await self._forget(stray)
        except UpstreamError:
            async with self._transactions() as tx:
                for stray in strays:
                    await tx.placements.looked_for(stray, self._clock.now())

    async def _open(self, provider: str, account_id: UUID | None) -> Provider:
        if account_id is None:
            return self._providers.open(provider, None)
        async with self._transactions() as tx:
            if not is_usable(await tx.accounts.get(account_id)):
                raise UpstreamError("The account cannot be used for now.", provider=provider)
            credential = await tx.accounts.credential(account_id)
        return self._providers.open(provider, credential, priority=Priority.BACKGROUND)

    async def _settle(self, adapter: Provider, stray: Stray, by_hash: Mapping[str, Transfer]) -> None:
        found = by_hash.get(stray.job.info_hash)
        if stray.job.source_kind is not SourceKind.TORRENT:
            await self._forget(stray)
        elif found is None:
            await self._forget(stray, "cleared", "nothing-there", "There is no transfer of it there.")
        elif stray.job.state.over:
            await self._clear_up(adapter, stray, found)
        elif found.state is TransferState.READY:
            await self._use(stray, found)
        elif found.state is TransferState.FAILED:
            await self._forget(stray, "failed", "transfer_failed", "The transfer left there has died.")
        else:
            async with self._transactions() as tx:
                await tx.placements.looked_for(stray, self._clock.now())

    async def _clear_up(self, adapter: Provider, stray: Stray, found: Transfer) -> None:
        local = stray.provider in LOCAL_PROVIDERS
        async with self._transactions() as tx:
            needed = await tx.jobs.in_flight(stray.provider, stray.account_id)
        if any(job.transfer_id == found.id for job in needed):
            await self._forget(stray)
        elif local or (self._rules.tidy and stray.job.state is JobState.READY):
            await adapter.remove(found.id)
            words = "The unfinished transfer here was dropped." if local else "The transfer left there was removed."
            await self._forget(stray, "removed", "tidy", words)
        else:
            words = "A transfer of it stays there; remove it at the provider if you do not want it."
            await self._forget(stray, "left", "kept-there", words)

    async def _use(self, stray: Stray, found: Transfer) -> None:
        """What was left behind is ready first: the job counts on it again."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(stray.job.id, lock=True)
            if job.state.over or (job.provider, job.account_id) == (stray.provider, stray.account_id):
                return
            if job.state is JobState.UPLOADING and job.provider in LOCAL_PROVIDERS:
                return  # it is being stored here; the leftover is cleared up when that is done
            await tx.intents.open(job.id, job.provider, job.account_id)
            await tx.intents.close(job.id, stray.provider, stray.account_id)
            after = moved_to(job, stray.provider, stray.account_id, found.id)
            words = "It is ready there first, and is used; the other transfer stays where it is."
            await self._note(tx, after, "accepted", "ready-first", words)
            await tx.jobs.update(after)
            await tx.tasks.add(sync_task(stray.provider, stray.account_id))
        crash_point(CrashPoint.SWITCHED)

    async def _forget(self, stray: Stray, verdict: str = "", rule: str = "", words: str = "") -> None:
        async with self._transactions() as tx:
            await tx.intents.close(stray.job.id, stray.provider, stray.account_id)
            if verdict:
                place = replace(stray.job, provider=stray.provider, account_id=stray.account_id)
                await self._note(tx, place, verdict, rule, words)

    async def _note(self, tx: UnitOfWork, place: Job, verdict: str, rule: str, words: str) -> None:
        await tx.traces.add(place.id, TraceEntry(self._clock.now(), await job_label(tx, place), verdict, rule, words))
