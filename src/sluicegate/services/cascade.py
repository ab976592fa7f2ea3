"""The cascade: places a job with the first rung that accepts it, and writes down why.

A rung's transient error (limits, time-outs, faults) never ends anything: the next rung is tried now, this one again
later. Only a rung that refuses the content itself is spent. Before a create the intent is written; after a crash the
provider is first searched for the hash, so nothing is created twice.

A job that looks for another way, as its transfer stands still, keeps that transfer until somebody else has accepted.
"""

from dataclasses import replace
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.accounts import LOCAL_PROVIDERS
from sluicegate.core.cascade import CascadeRules
from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import ConditionUnmet, InvalidInput, SlotsFull, SluicegateError, UpstreamError
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job, JobState, check_move
from sluicegate.core.ports import Clock, Providers, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.trace import TraceEntry
from sluicegate.core.transfers import Submission
from sluicegate.services.account_pause import calls_for_a_person, pause_account
from sluicegate.services.account_probe import AccountProbe, Answer
from sluicegate.services.cascade_attempt import Attempt, refuses_the_content
from sluicegate.services.cascade_plan import Circumstances, Note, Step, known_size, plan, too_large
from sluicegate.services.cascade_words import told
from sluicegate.services.creation import Creation
from sluicegate.services.place_again import job_label, moved_to
from sluicegate.services.rungs import Rung, hand_in, words_of
from sluicegate.services.shared_pool import shared_accounts
from sluicegate.services.task_kinds import ENGINE_CLEANUP, ENGINE_PLACE, sync_task

__all__ = ["CascadeService"]

_RETRY_FIRST: Final = 5.0
_RETRY_LAST: Final = 300.0
_COPIES: Final = "own copies"
_BY_FEED: Final = "rss"
"""What ``cached_in`` says for good of a job that a feed has brought (library sheet, section 5.1)."""


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
        rules: CascadeRules | None = None,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._probe = probe
        self._clock = clock
        self._share_copies = share_copies
        self._rules = rules or CascadeRules()
        self._creation = Creation(transactions, providers)

    async def place(self, job_id: UUID, *, engines: bool) -> float | None:
        """Places one job, or looks for another way for one that stands still; may run any number of times.

        Args:
            job_id: the job.
            engines: whether this process runs the local providers; without them their rung is handed over.

        Returns:
            None when placed, over or handed over; else seconds after which to try again.
        """
        attempt = await self._begin(job_id)
        if attempt is None:
            return None
        for step in await self._steps(attempt):
            rung = step.rung
            if step.note is not None:
                await self._pass_over(attempt, rung, step.note)
            elif attempt.spent(rung):
                continue
            elif rung.account is None and not engines:
                await self._hand_over(attempt.job)
                return None
            elif await self._try(attempt, rung):
                return None
        return await self._conclude(attempt)

    async def introduce(self, job_id: UUID) -> None:
        """Tells our own engine what was learnt of a job's source since it was handed in: trackers, peers, web seeds."""
        async with self._transactions() as tx:
            job, source = await tx.jobs.get(job_id), await tx.jobs.source(job_id)
        if not job.state.over and job.transfer_id and job.provider in LOCAL_PROVIDERS:
            async with self._providers.open(job.provider, None) as provider:
                await hand_in(provider, source)

    async def _begin(self, job_id: UUID) -> Attempt | None:
        """Loads the job; None when there is nothing left to place."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(job_id, lock=True)
            if job.state.over:
                await tx.placements.stop_waiting(job_id)
                return None
            leaving = await tx.placements.leaving(job) if job.transfer_id else ""
            if job.transfer_id and not leaving:
                await tx.tasks.add(sync_task(job.provider, job.account_id))
                return None
            preferences = await tx.cascade_preferences.get(job.user_id)
            trace = await tx.traces.page(job_id, newest=True)
            attempt = Attempt(job, await tx.jobs.source(job_id), trace, preferences)
            if leaving:
                attempt.current = await job_label(tx, job)
            elif not self._rules.dead and attempt.died():
                await self._fail(tx, attempt, job)
                return None
            elif await self._from_copies(tx, attempt):
                return None
            return attempt

    async def _from_copies(self, tx: UnitOfWork, attempt: Attempt) -> bool:
        """Answers from our own storage where it has everything: ready at once."""
        copies = await tx.files.stored_copies(attempt.job.info_hash) if self._share_copies else []
        if copies:
            await self._reuse(tx, attempt.job, copies)
            return True
        if self._share_copies:
            entry = self._entry(_COPIES, "skipped", "no-copy", "Nothing of this hash is in the storage here.")
        else:
            entry = self._entry(_COPIES, "skipped", "not-shared", "Copies of other users are not shared here.")
        await attempt.note(tx, entry)
        return False

    async def _reuse(self, tx: UnitOfWork, job: Job, copies: list[JobFile]) -> None:
        await tx.files.replace(job.id, [replace(copy, id=uuid4(), job_id=job.id, locator=None) for copy in copies])
        size = sum(copy.size for copy in copies)
        await tx.jobs.update(replace(job, state=JobState.READY, progress=1.0, size=size, waiting=""))
        words = "All files of this hash are already in the storage here."
        await tx.traces.add(job.id, self._entry(_COPIES, "accepted", "own-copies-first", words))

    async def _steps(self, attempt: Attempt) -> list[Step]:
        """Asks the accounts what they have, and plans with it."""
        async with self._transactions() as tx:
            own = await tx.accounts.page(attempt.job.user_id)
            pool = await shared_accounts(tx, attempt.job.user_id, self._rules)
        answers = await self._probe.answers_of(own, pool, attempt.source)
        asked = [Rung(each.provider, each) for each in own] + [Rung(each.provider, each, pool=True) for each in pool]
        attempt.answers = [(rung, answers[rung.account_id]) for rung in asked if rung.account_id in answers]
        for rung, answer in attempt.answers:
            await self._told(attempt, rung, answer)
        size = attempt.job.size or known_size(attempt.source, answers.values())
        if (note := too_large(size, attempt.preferences)) is not None:
            await self._note(attempt, "conditions", note)
            if note.verdict == "refused":
                attempt.unmet = note
                return []
        self._seeds_unknown(attempt)
        return plan(
            Circumstances(attempt.source, own, pool, answers, attempt.preferences, self._rules), self._providers
        )

    def _seeds_unknown(self, attempt: Attempt) -> None:
        if attempt.preferences.min_seeds and not attempt.preferences.only_cached:
            attempt.hint = (
                f" How many seeders it has is not known yet; below {attempt.preferences.min_seeds} it moves on when "
                "nothing comes."
            )

    async def _told(self, attempt: Attempt, rung: Rung, answer: Answer) -> None:
        verdict, rule, words = told(rung, answer)
        await self._add(attempt, self._entry(rung.label, verdict, rule, words, answer.latency_ms))

    async def _pass_over(self, attempt: Attempt, rung: Rung, note: Note) -> None:
        if note.rule.startswith("account-") and not attempt.spent(rung):
            attempt.paused.append(rung)
        elif note.rule == "only-cached":
            attempt.unmet = note
        await self._note(attempt, rung.label, note)

    async def _try(self, attempt: Attempt, rung: Rung) -> bool:
        """Asks one rung; True when it accepted, with everything recorded."""
        started = self._clock.monotonic()
        try:
            submission = await self._creation.create(attempt.job, attempt.source, rung)
        except (UpstreamError, InvalidInput) as error:
            await self._refused(attempt, rung, error, self._elapsed(started))
            return False
        crash_point(CrashPoint.CREATED)
        await self._accepted(attempt, rung, submission, self._elapsed(started))
        crash_point(CrashPoint.PLACED)
        return True

    async def _accepted(self, attempt: Attempt, rung: Rung, submission: Submission, latency_ms: int) -> None:
        # What our own engines have on disk is not "cached" in the sense of the contract.
        told_cached = rung.cached if submission.cached is None else submission.cached
        at_once = bool(told_cached) and rung.account is not None
        rule = "cached-first" if at_once or rung.cached else f"{rung.group}-in-order"
        words = f"{rung.label} accepted it" + (" and has it at once." if at_once else "." + attempt.hint)
        async with self._transactions() as tx:
            job = await tx.jobs.get(attempt.job.id, lock=True)
            await tx.placements.stop_waiting(job.id)
            if _settled_meanwhile(job, attempt, rung, submission):
                # The intent stays open: it is how the transfer made just now is found again and cleared up.
                words += " It came too late: the job was settled elsewhere meanwhile."
                await tx.traces.add(job.id, self._entry(rung.label, "unused", "too-late", words, latency_ms))
                return
            if attempt.current:
                await self._leave(tx, attempt, job)
            await tx.intents.close(job.id, rung.provider, rung.account_id)
            await tx.traces.add(job.id, self._entry(rung.label, "accepted", rule, words, latency_ms))
            placed = moved_to(job, rung.provider, rung.account_id, submission.transfer_id)
            if job.state.over:
                # Cancelled while the provider was being asked: the row keeps its state, the transfer is cleaned up.
                await tx.jobs.update(placed)
                if rung.account is None:
                    await tx.tasks.add(Task(ENGINE_CLEANUP, str(job.id)))
                return
            await tx.jobs.update(_started(placed, rung, at_once=at_once))
            await tx.tasks.add(sync_task(rung.provider, rung.account_id))

    async def _leave(self, tx: UnitOfWork, attempt: Attempt, job: Job) -> None:
        """The old transfer stays where it is; an open intent keeps it in mind, and it is used if it ends first."""
        await tx.intents.open(job.id, job.provider, job.account_id)
        words = f"{attempt.current} is left; its transfer stays there and is used if it is ready first."
        await tx.traces.add(job.id, self._entry(attempt.current, "left", "moved-on", words))

    async def _refused(self, attempt: Attempt, rung: Rung, error: SluicegateError, latency_ms: int) -> None:
        attempt.errors.append((rung, error))
        final = refuses_the_content(error)
        if rung.account is not None and calls_for_a_person(error, rung.account):
            await pause_account(self._transactions, rung.account.id, error, self._clock.now())
        if isinstance(error, SlotsFull) and rung.account is not None and not attempt.current:
            async with self._transactions() as tx:
                await tx.placements.await_slot(attempt.job.id, rung.account.id, self._clock.now())
        verdict = "refused" if final else "failed-for-now"
        await self._add(attempt, self._entry(rung.label, verdict, error.code, words_of(rung, error), latency_ms))

    async def _note(self, attempt: Attempt, label: str, note: Note) -> None:
        await self._add(attempt, self._entry(label, note.verdict, note.rule, note.words))

    async def _add(self, attempt: Attempt, entry: TraceEntry) -> None:
        if not attempt.said_already(entry):
            async with self._transactions() as tx:
                await attempt.note(tx, entry)

    async def _hand_over(self, job: Job) -> None:
        async with self._transactions() as tx:
            await tx.tasks.add(Task(ENGINE_PLACE, str(job.id), at_once=True))

    async def _conclude(self, attempt: Attempt) -> float | None:
        """Nobody accepted: stays where it is, waits when any reason may pass, else fails with the last reason."""
        async with self._transactions() as tx:
            job = await tx.jobs.get(attempt.job.id, lock=True)
            if job.state.over:
                return None
            if attempt.current:
                await self._stay(tx, attempt, job)
                return None
            waiting = attempt.passing_errors()
            if waiting:
                await _say(tx, job, words_of(*waiting[0]))
                return self._retry_delay(job, [error for _, error in waiting])
            if (paused := attempt.paused_rung()) is not None:
                reason = paused.account.reason if paused.account and not paused.pool else "Its operator has to act."
                await _say(tx, job, f"Waiting for the account {paused.label}: {reason}")
                return _RETRY_LAST
            await self._fail(tx, attempt, job)
            return None

    async def _stay(self, tx: UnitOfWork, attempt: Attempt, job: Job) -> None:
        if job.place == attempt.job.place:
            await tx.placements.stay(job, self._clock.now())
        words = f"Nobody else takes it for now: it stays at {attempt.current}, and another way is looked for later."
        await attempt.note(tx, self._entry(attempt.current, "kept", "no-other-way", words))

    async def _fail(self, tx: UnitOfWork, attempt: Attempt, job: Job) -> None:
        check_move(job.state, JobState.FAILED)
        code, words = attempt.last_words()
        await tx.jobs.update(replace(job, state=JobState.FAILED, error_code=code, error=words, waiting=""))
        await tx.placements.stop_waiting(job.id)
        rule = attempt.unmet.rule if attempt.unmet and code == ConditionUnmet.code else "no-rung-left"
        await tx.traces.add(job.id, self._entry("cascade", "failed", rule, words))

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


def _settled_meanwhile(job: Job, attempt: Attempt, rung: Rung, submission: Submission) -> bool:
    """Whether the job has got or lost a transfer while this one was made."""
    if job.place == (rung.provider, rung.account_id, submission.transfer_id):
        return False
    return job.place != attempt.job.place or (bool(attempt.current) and job.state.over)


def _started(job: Job, rung: Rung, *, at_once: bool) -> Job:
    """The placed job; one that a user has seen moving does not fall back to an earlier state."""
    if job.cached_in != _BY_FEED:
        job = replace(job, cached_in=rung.provider if at_once else None)
    if at_once and job.state is JobState.QUEUED:
        return replace(job, state=JobState.CACHED_HIT)
    state = JobState.DOWNLOADING if job.state is JobState.UPLOADING else job.state
    if job.state is JobState.CACHED_HIT and not at_once:
        state = JobState.QUEUED
    check_move(job.state, state)
    return replace(job, state=state)


async def _say(tx: UnitOfWork, job: Job, words: str) -> None:
    if words != job.waiting:
        await tx.jobs.update(replace(job, waiting=words))
