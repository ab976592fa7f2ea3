"""Re-cascade: jobs that stand still are looked at, and by rule look for another way.

Nothing is decided on old news: before a job moves on, its account is asked once more, all idle jobs of it in one
listing. The old transfer is never touched; the job keeps it until somebody else has accepted.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.cascade import CascadePreferences, CascadeRules, Idle
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import (
    ConditionUnmet,
    CredentialsRejected,
    HeldBack,
    NotFound,
    UpstreamError,
    UpstreamLimit,
    UpstreamRateLimited,
)
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.account_pause import is_usable
from sluicegate.services.cascade_attempt import since_placed
from sluicegate.services.cascade_plan import too_large
from sluicegate.services.listing import list_all
from sluicegate.services.place_again import job_label, place_now
from sluicegate.services.task_kinds import ENGINE_CLEANUP

__all__ = ["RecascadeService", "Verdict", "judge"]

_BATCH: Final = 200
_PATIENCE_WITH_SPEED: Final = 4
"""Some providers tell progress in whole percents, which take their time, and some a speed long after it was true."""
_WAITS_FOR_A_SLOT: Final = frozenset({TransferState.QUEUED, TransferState.SELECTING})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule by which a job should look for another way, and why in words."""

    rule: str
    words: str


class RecascadeService:
    """Looks after placed jobs."""

    def __init__(
        self, transactions: UnitOfWorkFactory, providers: Providers, clock: Clock, rules: CascadeRules | None = None
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._clock = clock
        self._rules = rules or CascadeRules()

    async def run(self, *, local: bool) -> None:
        """Looks at every job that has stood still for long enough; may run any number of times.

        Args:
            local: looks at the jobs of the local providers, which only the process that runs them can ask about;
                else at all others.
        """
        now, shortest = self._clock.now(), self._rules.shortest
        async with self._transactions() as tx:
            oversized = await tx.placements.oversized(local=local, limit=_BATCH)
            idle: list[Idle] = []
            if shortest is not None:
                await tx.placements.observe(now)
                still, looked = now - timedelta(seconds=shortest), now - timedelta(seconds=self._rules.every)
                idle = await tx.placements.idle(still, looked, local=local, limit=_BATCH)
        for job in oversized:
            await self._refuse(job)
        places: defaultdict[tuple[str, UUID | None], list[Idle]] = defaultdict(list)
        for each in idle:
            places[each.job.provider, each.job.account_id].append(each)
        for (provider, account_id), jobs in places.items():
            await self._look_at(provider, account_id, jobs)

    async def _refuse(self, oversized: Job) -> None:
        """Content that turned out to be larger than its user takes ends; at a provider its transfer stays."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(oversized.id, lock=True)
            note = too_large(job.size, await tx.cascade_preferences.get(job.user_id))
            if job.state.over or note is None or note.verdict != "refused":
                return
            words = f"{note.words} {ConditionUnmet.action}"
            label = await job_label(tx, job)
            await tx.traces.add(job.id, TraceEntry(self._clock.now(), label, "failed", note.rule, words))
            check_move(job.state, JobState.FAILED)
            await tx.jobs.update(
                replace(job, state=JobState.FAILED, error_code=ConditionUnmet.code, error=words, waiting="", speed=None)
            )
            if job.provider in LOCAL_PROVIDERS:
                await tx.tasks.add(Task(ENGINE_CLEANUP, str(job.id)))

    async def _look_at(self, provider: str, account_id: UUID | None, idle: Sequence[Idle]) -> None:
        """Asks one account about its idle jobs, and judges each."""
        error: UpstreamError | None = None
        transfers: dict[str, Transfer] = {}
        try:
            transfers = await self._listing(provider, account_id)
        except UpstreamError as caught:
            error = caught
        except NotFound:
            return  # the account was removed, and its jobs with it
        for each in idle:
            await self._judge(each, transfers.get(each.job.transfer_id), error)

    async def _listing(self, provider: str, account_id: UUID | None) -> dict[str, Transfer]:
        credential = None
        if account_id is not None:
            async with self._transactions() as tx:
                if not is_usable(account := await tx.accounts.get(account_id)):
                    raise CredentialsRejected(account.reason or f"The account is {account.state}.", provider=provider)
                credential = await tx.accounts.credential(account_id)
        async with self._providers.open(provider, credential, priority=Priority.BACKGROUND) as adapter:
            return {transfer.id: transfer for transfer in await list_all(adapter)}

    async def _judge(self, idle: Idle, transfer: Transfer | None, error: UpstreamError | None) -> None:
        now = self._clock.now()
        async with self._transactions() as tx:
            job = await tx.jobs.get(idle.job.id, lock=True)
            if job.state.over or job.place != idle.job.place:
                return
            if transfer is not None and _moves(transfer, job, idle.progress):
                await tx.placements.moved(job, now, transfer.progress)
                return
            if transfer is not None and idle.progress is None and transfer.progress < job.progress:
                # It is behind what the user has seen of another one: whether it moves, only the next look can tell.
                await tx.placements.looked(job, now, transfer.progress)
                return
            preferences = await tx.cascade_preferences.get(job.user_id)
            seconds = (now - idle.since).total_seconds()
            verdict = judge(self._rules, preferences, seconds, transfer, error)
            if verdict is None:
                await tx.placements.looked(job, now, transfer.progress if transfer else idle.progress)
                return
            await self._send_off(tx, replace(idle, job=job), verdict)
        crash_point(CrashPoint.LEAVING)

    async def _send_off(self, tx: UnitOfWork, idle: Idle, verdict: Verdict) -> None:
        job, now = idle.job, self._clock.now()
        label = await job_label(tx, job)
        told = since_placed(await tx.traces.page(job.id, limit=1_000, newest=True))
        if not any((entry.verdict, entry.rule) == ("stalled", verdict.rule) for entry in told):
            await tx.traces.add(job.id, TraceEntry(now, label, "stalled", verdict.rule, verdict.words))
        await tx.placements.leave(job, verdict.rule, now)
        await tx.tasks.add(place_now(job.id))


def judge(
    rules: CascadeRules,
    preferences: CascadePreferences,
    seconds: float,
    transfer: Transfer | None,
    error: UpstreamError | None,
) -> Verdict | None:
    """The rule that applies to a transfer that has not moved for ``seconds``, or None.

    A transfer that is ready, dead or gone is the business of the sync that is about to see the same.
    """
    if error is not None:
        return _out_of_reach(rules, seconds, error)
    if transfer is None or transfer.state.over:
        return None
    if transfer.state in _WAITS_FOR_A_SLOT:
        if _over(seconds, rules.queued):
            return Verdict("queued-too-long", f"It has waited for a slot there for {_told(seconds)}.")
        return None
    claims = transfer.state is TransferState.DOWNLOADING and bool(transfer.speed)
    if not _over(seconds, rules.stalled * (_PATIENCE_WITH_SPEED if claims else 1)):
        return None
    wanted = preferences.min_seeds
    if wanted and transfer.seeders is not None and transfer.seeders < wanted:
        words = (
            f"Nothing has moved for {_told(seconds)}, and it has {transfer.seeders} of the {wanted} seeders you want."
        )
        return Verdict("min-seeds", words)
    if transfer.state is TransferState.RESOLVING:
        return Verdict("no-metadata", f"Its metadata could not be found for {_told(seconds)}.")
    return Verdict("stalled", f"Nothing has moved for {_told(seconds)}.")


def _out_of_reach(rules: CascadeRules, seconds: float, error: UpstreamError) -> Verdict | None:
    if isinstance(error, UpstreamLimit) and not isinstance(error, HeldBack | UpstreamRateLimited):
        if _over(seconds, rules.limited):
            return Verdict("limit", f"A limit has held it up for {_told(seconds)}: {error.detail}")
        return None
    if isinstance(error, HeldBack):
        return None  # we did not ask; nothing is known against it
    if _over(seconds, rules.unreachable):
        return Verdict("unreachable", f"It has been out of reach for {_told(seconds)}: {error.detail}")
    return None


def _moves(transfer: Transfer, job: Job, progress: float | None) -> bool:
    before = job.progress if progress is None else progress
    return transfer.progress > before


def _over(seconds: float, limit: float) -> bool:
    return 0 < limit <= seconds


def _told(seconds: float) -> str:
    if seconds < 120:
        return f"{round(seconds)} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 7_200 else f"{seconds / 3600:.1f} hours"
