"""Decision traces: what was asked, what it said, how long it took and which rule decided."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["TraceEntry"]


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One decision about one job.

    Attributes:
        rung: what was tried (``swarm``, ``torbox (home)``, ``own copies``).
        verdict: ``accepted``, ``skipped``, ``refused``, ``failed``, ``finished`` or ``waiting``.
        rule: the rule that decided, as a short stable name (``cached-first``, ``transient-error``).
        words: the same for a person.
        latency_ms: how long the rung took to answer, None when nothing was asked.
    """

    at: datetime
    rung: str
    verdict: str
    rule: str
    words: str
    latency_ms: int | None = None
