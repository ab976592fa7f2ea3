"""What one run of the cascade knows of its job: what was said before, what went wrong now, and what that means."""

from dataclasses import dataclass, field
from typing import Final

from sluicegate.core.cascade import CascadePreferences
from sluicegate.core.errors import (
    ConditionUnmet,
    FileGone,
    HosterUnsupported,
    InvalidInput,
    Retry,
    SluicegateError,
    SourceRejected,
    TransferFailed,
    UpstreamLimit,
)
from sluicegate.core.jobs import Job
from sluicegate.core.ports import UnitOfWork
from sluicegate.core.sources import Source
from sluicegate.core.trace import TraceEntry
from sluicegate.services.account_probe import Answer
from sluicegate.services.cascade_plan import Note
from sluicegate.services.rungs import Rung, words_of

__all__ = ["Attempt", "never_reached", "refuses_the_content", "since_placed"]

_SPENT: Final = frozenset({"refused", "failed"})
_TURNS: Final = frozenset({"accepted", "failed", "lost"})
"""Verdicts after which everybody may be asked, and told about, once more."""
_LOSSES_MAX: Final = 3
"""A provider that loses a transfer again and again is not asked for ever."""


@dataclass(slots=True)
class Attempt:
    """One run of the cascade.

    Attributes:
        trace: the newest decisions so far, oldest first.
        current: name of the rung that the job is on while another way is looked for; empty for a job without one.
        errors: what rungs said now.
        paused: rungs that could take it once a person has mended them or switched them on.
        unmet: the user's condition that nobody meets.
        hint: what an acceptance has to add about conditions that cannot be checked yet.
    """

    job: Job
    source: Source
    trace: list[TraceEntry]
    preferences: CascadePreferences
    current: str = ""
    answers: list[tuple[Rung, Answer]] = field(default_factory=list)
    errors: list[tuple[Rung, SluicegateError]] = field(default_factory=list)
    paused: list[Rung] = field(default_factory=list)
    unmet: Note | None = None
    hint: str = ""

    def spent(self, rung: Rung) -> bool:
        """True for a rung that refused the content, whose transfer died, or that the job comes from."""
        verdicts = [entry.verdict for entry in self.trace if entry.rung == rung.label]
        if not _SPENT.isdisjoint(verdicts) or verdicts.count("lost") >= _LOSSES_MAX:
            return True
        return bool(self.current) and (rung.label == self.current or "left" in verdicts)

    def died(self) -> bool:
        """True when the provider of the last placement gave up on it."""
        return next((entry.verdict for entry in reversed(self.trace) if entry.verdict in _TURNS), "") == "failed"

    def said_already(self, entry: TraceEntry) -> bool:
        """True when the same was said since the job was last placed: waiting must not fill the trace."""
        key = (entry.rung, entry.verdict, entry.rule)
        return any((old.rung, old.verdict, old.rule) == key for old in since_placed(self.trace))

    async def note(self, tx: UnitOfWork, entry: TraceEntry) -> None:
        """Writes an entry, unless it was said already."""
        if not self.said_already(entry):
            self.trace.append(entry)
            await tx.traces.add(self.job.id, entry)

    def passing_errors(self) -> list[tuple[Rung, SluicegateError]]:
        """Errors after which waiting makes sense: of rungs that were asked, and of those that could not say."""
        passing = [(rung, error) for rung, error in self.errors if not refuses_the_content(error)]
        if passing or self.unmet is None or self.unmet.rule != "only-cached":
            return passing
        return [(rung, answer.error) for rung, answer in self.answers if answer.error is not None]

    def paused_rung(self) -> Rung | None:
        """A rung that is worth waiting for until a person has mended it; the pool is no place for what is cached."""
        wanted = (rung for rung in self.paused if self.unmet is None or not rung.pool)
        return next(wanted, None)

    def last_words(self) -> tuple[str, str]:
        """Code and sentence of the reason why nobody takes it."""
        if self.errors:
            rung, error = self.errors[-1]
            return error.code, words_of(rung, error).removeprefix(f"{rung.label}: ")
        if self.unmet is not None:
            return ConditionUnmet.code, f"{self.unmet.words} {ConditionUnmet.action}"
        spent = next((entry for entry in reversed(self.trace) if entry.verdict in _SPENT), None)
        if spent is not None:
            return spent.rule, spent.words
        words = (
            "No provider here can take this kind of source. Add an account of one that can; see the capability table."
        )
        return "not_supported", words


def since_placed(trace: list[TraceEntry]) -> list[TraceEntry]:
    """What was said since the job was last placed, or lost its place."""
    turn = next((place for place in range(len(trace) - 1, -1, -1) if trace[place].verdict in _TURNS), -1)
    return trace[turn + 1 :]


def never_reached(error: SluicegateError) -> bool:
    """True when the provider certainly created nothing: it answered with a refusal or we never asked it."""
    return error.retry is Retry.AFTER_CHANGE or isinstance(error, InvalidInput | UpstreamLimit)


def refuses_the_content(error: SluicegateError) -> bool:
    """True when asking this rung again cannot help, as it is about the content and not about the provider's health."""
    return isinstance(error, InvalidInput | SourceRejected | TransferFailed | FileGone | HosterUnsupported)
