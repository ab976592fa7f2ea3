"""Wire shapes of the decision trace and of a simulation; both are ours."""

from datetime import UTC, datetime

import msgspec

from sluicegate.core.trace import TraceEntry
from sluicegate.services.simulate import Simulation
from sluicegate.surfaces.library.schemas import JobBody, job_body

__all__ = ["SimulationBody", "TraceBody", "TraceEntryBody", "simulation_body", "trace_body"]


class TraceEntryBody(msgspec.Struct):
    """One decision.

    Attributes:
        rung: who was asked or decided: an account, ``own copies``, an engine, ``conditions`` or ``cascade``.
        verdict: what came of it, as one word.
        rule: the rule that decided, as a short stable name.
        words: the same for a person.
        latency_ms: how long it took to answer, null when nothing was asked.
    """

    at: str
    rung: str
    verdict: str
    rule: str
    words: str
    latency_ms: int | None


class TraceBody(msgspec.Struct):
    """A page of a job's trace, oldest first, with the paging that was applied."""

    items: list[TraceEntryBody]
    limit: int
    offset: int


class SimulatedStepBody(msgspec.Struct):
    """What one rung would be asked, or why not; the verdict ``would-try`` marks those that would be."""

    rung: str
    verdict: str
    rule: str
    words: str
    latency_ms: int | None


class SimulationBody(msgspec.Struct):
    """What a submit would do.

    Attributes:
        outcome: ``existing``, ``ready``, ``cached``, ``download`` or ``nobody``.
        rung: who would be asked first, null for nobody.
        size_bytes: null when nobody could tell yet.
        job: the job that exists already, else null.
    """

    info_hash: str
    outcome: str
    rung: str | None
    words: str
    size_bytes: int | None
    steps: list[SimulatedStepBody]
    job: JobBody | None


def trace_body(entries: list[TraceEntry], limit: int, offset: int) -> TraceBody:
    """A page of a trace."""
    items = [TraceEntryBody(_instant(e.at), e.rung, e.verdict, e.rule, e.words, e.latency_ms) for e in entries]
    return TraceBody(items, limit, offset)


def simulation_body(told: Simulation) -> SimulationBody:
    """A simulation."""
    steps = [SimulatedStepBody(s.rung, s.verdict, s.rule, s.words, s.latency_ms) for s in told.steps]
    job = job_body(told.job) if told.job else None
    return SimulationBody(told.info_hash, told.outcome, told.rung or None, told.words, told.size, steps, job)


def _instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
