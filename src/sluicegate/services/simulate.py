"""Simulating a submit: the same questions and the same plan as the cascade, and no create."""

from dataclasses import dataclass
from uuid import UUID

from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.cascade import CascadeRules
from sluicegate.core.errors import ConditionUnmet
from sluicegate.core.jobs import Job
from sluicegate.core.ports import Providers, UnitOfWorkFactory
from sluicegate.core.sources import Source
from sluicegate.services.account_probe import AccountProbe, Answer
from sluicegate.services.cascade_plan import Circumstances, Note, Step, known_size, plan, too_large
from sluicegate.services.cascade_words import told
from sluicegate.services.rungs import Rung
from sluicegate.services.shared_pool import shared_accounts
from sluicegate.services.submit import source_hash

__all__ = ["SimulateService", "SimulatedStep", "Simulation"]


@dataclass(frozen=True, slots=True)
class SimulatedStep:
    """One line of a simulation, as a trace entry would read; ``verdict`` is ``would-try`` for a rung to be asked."""

    rung: str
    verdict: str
    rule: str
    words: str
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a submit would do.

    Attributes:
        outcome: ``existing`` (the user has this job), ``ready`` (own copies), ``cached`` (an account has it at once),
            ``download`` (somebody would have to fetch it) or ``nobody``.
        rung: who would be asked first, empty for nobody.
        size: bytes, as far as known.
        job: the job that exists already.
    """

    info_hash: str
    outcome: str
    rung: str
    words: str
    size: int | None
    steps: tuple[SimulatedStep, ...]
    job: Job | None = None


class SimulateService:
    """Tells what the cascade would do with a source."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        probe: AccountProbe,
        *,
        share_copies: bool = False,
        rules: CascadeRules | None = None,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._probe = probe
        self._share_copies = share_copies
        self._rules = rules or CascadeRules()
        self._gate = gate

    async def simulate(self, user_id: UUID, source: Source) -> Simulation:
        """Asks only what a provider is asked without changing anything: whether it has the hash.

        These questions are spent through the accounts' ledgers at the lowest priority; what a ledger holds back is
        unknown, and its step says so.

        Raises:
            ContentBlocked: the operator's blocklist names it; nobody was asked about it.
        """
        await self._gate.check_source(source)
        info_hash = source_hash(source)
        async with self._transactions() as tx:
            own = await tx.accounts.page(user_id)
            pool = await shared_accounts(tx, user_id, self._rules)
            preferences = await tx.cascade_preferences.get(user_id)
            existing = await tx.jobs.current(user_id, info_hash)
            copies = await tx.files.stored_copies(info_hash) if self._share_copies else []
        if existing is not None:
            words = f"You have this as a job already; it is {existing.state}. A submit answers with it."
            return Simulation(info_hash, "existing", "", words, existing.size, (), existing)
        if copies:
            step = SimulatedStep("own copies", "accepted", "own-copies-first", "All its files are in the storage here.")
            return Simulation(info_hash, "ready", step.rung, step.words, sum(copy.size for copy in copies), (step,))
        answers = await self._probe.answers_of(own, pool, source)
        size = known_size(source, answers.values())
        rungs = [Rung(each.provider, each) for each in own] + [Rung(each.provider, each, pool=True) for each in pool]
        asked = [_asked(rung, answers[rung.account_id]) for rung in rungs if rung.account_id in answers]
        note = too_large(size, preferences)
        steps = plan(Circumstances(source, own, pool, answers, preferences, self._rules), self._providers)
        return _simulation(info_hash, size, asked, note, steps)


def _simulation(
    info_hash: str, size: int | None, asked: list[SimulatedStep], note: Note | None, steps: list[Step]
) -> Simulation:
    lines = list(asked)
    if note is not None:
        lines.append(SimulatedStep("conditions", note.verdict, note.rule, note.words))
    if note is not None and note.verdict == "refused":
        return Simulation(info_hash, "nobody", "", f"{note.words} {ConditionUnmet.action}", size, tuple(lines))
    lines += map(_planned, steps)
    first = next((step.rung for step in steps if step.note is None), None)
    if first is None:
        words = "Nobody here would take it: every step says why."
        return Simulation(info_hash, "nobody", "", words, size, tuple(lines))
    if first.cached:
        outcome, words = "cached", f"{first.label} has it and would be asked first."
    else:
        outcome, words = "download", f"{first.label} would be asked first, and would have to download it."
    return Simulation(info_hash, outcome, first.label, words, size, tuple(lines))


def _asked(rung: Rung, answer: Answer) -> SimulatedStep:
    verdict, rule, words = told(rung, answer)
    return SimulatedStep(rung.label, verdict, rule, words, answer.latency_ms)


def _planned(step: Step) -> SimulatedStep:
    rung, note = step.rung, step.note
    if note is not None:
        return SimulatedStep(rung.label, note.verdict, note.rule, note.words)
    rule = "cached-first" if rung.cached else f"{rung.group}-in-order"
    return SimulatedStep(rung.label, "would-try", rule, f"{rung.label} would be asked, unless somebody above accepts.")
