"""The cascade: places a job with the first rung that accepts it, and writes down why.

A rung's transient error (limits, time-outs, faults) never ends anything: the next rung is tried now, this one again
later. Only a rung that refuses the content itself is spent. Before a create the intent is written; after a crash the
provider is first searched for the hash, so nothing is created twice.
"""

from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.accounts import Account
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import (
    FileGone,
    HosterUnsupported,
    InvalidInput,
    ProtocolError,
    Retry,
    SluicegateError,
    SourceRejected,
    TransferFailed,
    UpstreamError,
    UpstreamLimit,
    UpstreamUnavailable,
)
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.sources import Source
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import Submission
from sluicegate.services.account_pause import calls_for_a_person, is_usable, pause_account
from sluicegate.services.account_probe import AccountProbe
from sluicegate.services.listing import find_by_hash
from sluicegate.services.rungs import Rung, hand_in, order_rungs, submission_capability
from sluicegate.services.task_kinds import ENGINE_CLEANUP, ENGINE_PLACE, sync_task

__all__ = ["CascadeService"]

_RETRY_FIRST: Final = 5.0
_RETRY_LAST: Final = 300.0
_SPENT: Final = frozenset({"refused", "failed"})


@dataclass(slots=True)
class _Attempt:
    """What one run of the cascade knows."""

    job: Job
    source: Source
    trace: list[TraceEntry]
    errors: list[SluicegateError] = field(default_factory=list)
    paused: list[Account] = field(default_factory=list)
    """Accounts that could take it once a person has mended them or switched them on."""

    def spent(self, rung: Rung) -> bool:
        """True when this rung refused the content or its transfer died."""
        return any(entry.rung == rung.label and entry.verdict in _SPENT for entry in self.trace)

    def said_already(self, entry: TraceEntry) -> bool:
        """True when the last word on this rung was the same: waiting must not fill the trace."""
        last = next((old for old in reversed(self.trace) if old.rung == entry.rung), None)
        return last is not None and (last.verdict, last.rule) == (entry.verdict, entry.rule)


class CascadeService:
    """Finds a provider for a job."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        probe: AccountProbe,
        clock: Clock,
        *,
        share_copies: bool = False,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._probe = probe
        self._clock = clock
        self._share_copies = share_copies

    async def place(self, job_id: UUID, *, engines: bool) -> float | None:
        """Places one job; may run any number of times.

        Args:
            job_id: the job.
            engines: whether this process runs the local providers; without them their rung is handed over.

        Returns:
            None when placed, over or handed over; else seconds after which to try again.
        """
        attempt = await self._begin(job_id)
        if attempt is None:
            return None
        for rung in await self._rungs(attempt):
            if rung.account is None and not engines:
                await self._hand_over(attempt.job)
                return None
            if await self._try(attempt, rung):
                return None
        return await self._conclude(attempt)

    async def _begin(self, job_id: UUID) -> _Attempt | None:
        """Loads the job; None when there is nothing left to place."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, lock=True)
            if job.state.over:
                return None
            if job.transfer_id:
                await tx.tasks.add(sync_task(job.provider, job.account_id))
                return None
            if self._share_copies and (copies := await tx.files.stored_copies(job.info_hash)):
                await self._reuse(tx, job, copies)
                return None
            return _Attempt(job, await tx.jobs.source(job_id), await tx.traces.page(job_id))

    async def _reuse(self, tx: UnitOfWork, job: Job, copies: list[JobFile]) -> None:
        """Answers from our own storage: ready at once."""
        await tx.files.replace(job.id, [replace(copy, id=uuid4(), job_id=job.id, locator=None) for copy in copies])
        size = sum(copy.size for copy in copies)
        await tx.jobs.update(replace(job, state=JobState.READY, progress=1.0, size=size, waiting=""))
        words = "All files of this hash are already in the storage here."
        await tx.traces.add(job.id, self._entry("own copies", "accepted", "own-copies-first", words))

    async def _rungs(self, attempt: _Attempt) -> list[Rung]:
        async with self._transactions() as tx:
            accounts = await tx.accounts.page(attempt.job.user_id)
        for account in accounts:
            if not is_usable(account):
                await self._skip(attempt, account)
        cached = await self._probe.cached(accounts, attempt.source)
        rungs = order_rungs(attempt.source, accounts, cached, self._providers)
        return [rung for rung in rungs if not attempt.spent(rung)]

    async def _skip(self, attempt: _Attempt, account: Account) -> None:
        rung = Rung(account.provider, account)
        could = self._providers.kind(account.provider).can(submission_capability(attempt.source))
        if could and not attempt.spent(rung):
            attempt.paused.append(account)
        words = account.reason or f"The account is {account.state}."
        await self._note(attempt, self._entry(rung.label, "skipped", f"account-{account.state}", words))

    async def _try(self, attempt: _Attempt, rung: Rung) -> bool:
        """Asks one rung; True when it accepted, with everything recorded."""
        job = attempt.job
        started = self._clock.monotonic()
        try:
            interrupted = await self._open_intent(job, rung)
            submission = await self._create(attempt, rung, look_first=interrupted)
        except (UpstreamError, InvalidInput) as error:
            await self._refused(attempt, rung, error, self._elapsed(started))
            return False
        crash_point(CrashPoint.CREATED)
        await self._accepted(job, rung, submission, self._elapsed(started))
        return True

    async def _open_intent(self, job: Job, rung: Rung) -> bool:
        async with self._transactions() as tx:
            return await tx.intents.open(job.id, rung.provider, rung.account_id)

    async def _create(self, attempt: _Attempt, rung: Rung, *, look_first: bool) -> Submission:
        async with await self._open(rung) as provider:
            if look_first and provider.can(Capability.LIST):
                found = await find_by_hash(provider, attempt.job.info_hash)
                if found is not None:
                    return Submission(found.id, existing=True, transfer=found)
            try:
                return await hand_in(provider, attempt.source)
            except (UpstreamUnavailable, ProtocolError):
                # It may have been created before the answer was lost; asking elsewhere would make it twice.
                if (lost := await self._look(provider, attempt.job)) is None:
                    raise
                return lost

    async def _look(self, provider: Provider, job: Job) -> Submission | None:
        """The transfer that a create without an answer has made, if the provider shows one."""
        try:
            found = await find_by_hash(provider, job.info_hash) if provider.can(Capability.LIST) else None
        except UpstreamError:
            return None  # the intent stays open: the next try looks before it creates
        return Submission(found.id, existing=True, transfer=found) if found else None

    async def _open(self, rung: Rung) -> Provider:
        if rung.account is None:
            return self._providers.open(rung.provider, None)
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(rung.account.id)
        return self._providers.open(rung.provider, credential, priority=Priority.BACKGROUND)

    async def _accepted(self, job: Job, rung: Rung, submission: Submission, latency_ms: int) -> None:
        # What our own engines have on disk is not "cached" in the sense of the contract.
        told = rung.cached if submission.cached is None else submission.cached
        at_once = bool(told) and rung.account is not None
        words = f"{rung.label} accepted it" + (" and has it at once." if at_once else ".")
        rule = "cached-first" if at_once or rung.cached else "first-that-accepts"
        async with self._transactions() as tx:
            job = await tx.jobs.get(job.id, lock=True)
            await tx.intents.close(job.id, rung.provider, rung.account_id)
            await tx.traces.add(job.id, self._entry(rung.label, "accepted", rule, words, latency_ms))
            placed = replace(
                job, provider=rung.provider, account_id=rung.account_id, transfer_id=submission.transfer_id, waiting=""
            )
            if job.state.over:
                # Cancelled while the provider was being asked: the row keeps its state, the transfer is cleaned up.
                await tx.jobs.update(placed)
                if rung.account is None:
                    await tx.tasks.add(Task(ENGINE_CLEANUP, str(job.id)))
                return
            if at_once:
                check_move(job.state, JobState.CACHED_HIT)
                placed = replace(placed, state=JobState.CACHED_HIT, cached_in=rung.provider)
            await tx.jobs.update(placed)
            await tx.tasks.add(sync_task(rung.provider, rung.account_id))

    async def _refused(self, attempt: _Attempt, rung: Rung, error: SluicegateError, latency_ms: int) -> None:
        attempt.errors.append(error)
        final = _refuses_the_content(error)
        if rung.account is not None and calls_for_a_person(error, rung.account):
            await pause_account(self._transactions, rung.account.id, error, self._clock.now())
        async with self._transactions() as tx:
            if final or _never_reached(error):
                await tx.intents.close(attempt.job.id, rung.provider, rung.account_id)
        words = f"{rung.label}: {error.detail} {error.action}"
        verdict = "refused" if final else "failed-for-now"
        await self._note(attempt, self._entry(rung.label, verdict, error.code, words, latency_ms))

    async def _note(self, attempt: _Attempt, entry: TraceEntry) -> None:
        if attempt.said_already(entry):
            return
        attempt.trace.append(entry)
        async with self._transactions() as tx:
            await tx.traces.add(attempt.job.id, entry)

    async def _hand_over(self, job: Job) -> None:
        async with self._transactions() as tx:
            await tx.tasks.add(Task(ENGINE_PLACE, str(job.id)))

    async def _conclude(self, attempt: _Attempt) -> float | None:
        """Nobody accepted: waits when any reason may pass, else fails with the last reason."""
        waiting = [error for error in attempt.errors if not _refuses_the_content(error)]
        async with self._transactions() as tx:
            job = await tx.jobs.get(attempt.job.id, lock=True)
            if job.state.over:
                return None
            if waiting:
                words = f"{waiting[0].detail} {waiting[0].action}"
                if words != job.waiting:
                    await tx.jobs.update(replace(job, waiting=words))
                return self._retry_delay(job, waiting)
            if attempt.paused:
                reason = attempt.paused[0].reason
                words = f"Waiting for the account {Rung(attempt.paused[0].provider, attempt.paused[0]).label}: {reason}"
                if words != job.waiting:
                    await tx.jobs.update(replace(job, waiting=words))
                return _RETRY_LAST
            check_move(job.state, JobState.FAILED)
            code, words = _last_words(attempt)
            await tx.jobs.update(replace(job, state=JobState.FAILED, error_code=code, error=words, waiting=""))
            await tx.traces.add(job.id, self._entry("cascade", "failed", "no-rung-left", words))
            return None

    def _retry_delay(self, job: Job, errors: list[SluicegateError]) -> float:
        """As asked for by the remote side, and growing with the job's age."""
        asked = [error.retry_after for error in errors if error.retry_after is not None]
        age = (self._clock.now() - job.created_at).total_seconds()
        own = min(max(_RETRY_FIRST, age / 4), _RETRY_LAST)
        return min(max(min(asked), own), _RETRY_LAST) if asked else own

    def _entry(self, rung: str, verdict: str, rule: str, words: str, latency_ms: int | None = None) -> TraceEntry:
        return TraceEntry(self._clock.now(), rung, verdict, rule, words, latency_ms)

    def _elapsed(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)


def _never_reached(error: SluicegateError) -> bool:
    """True when the provider certainly created nothing: it answered with a refusal or we never asked it."""
    return error.retry is Retry.AFTER_CHANGE or isinstance(error, InvalidInput | UpstreamLimit)


def _refuses_the_content(error: SluicegateError) -> bool:
    """True when asking this rung again cannot help, as it is about the content and not about the provider's health."""
    return isinstance(error, InvalidInput | SourceRejected | TransferFailed | FileGone | HosterUnsupported)


def _last_words(attempt: _Attempt) -> tuple[str, str]:
    if attempt.errors:
        error = attempt.errors[-1]
        return error.code, f"{error.detail} {error.action}"
    spent = next((entry for entry in reversed(attempt.trace) if entry.verdict in _SPENT), None)
    if spent is not None:
        return spent.rule, spent.words
    words = "No provider here can take this kind of source. Add an account of one that can; see the capability table."
    return "not_supported", words
