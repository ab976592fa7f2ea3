"""Background work: what a task is, and the queue that takes it in."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Task", "TaskQueue"]


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of background work: a kind and ids only. It may run twice and keeps its state on the domain row.

    Attributes:
        kind: name of the task (``place``, ``sync``, ``store``, ``media`` …).
        subject: id of the row it is about.
        delay: seconds before it may start.
        priority: larger runs first.
        again: when the same task is running right now, run it once more afterwards. False for whoever only makes sure
            that there is one.
        at_once: when the same task waits for a later time, run it now.
    """

    kind: str
    subject: str
    delay: float = 0.0
    priority: int = 0
    again: bool = True
    at_once: bool = False

    @property
    def dedupe_key(self) -> str:
        """At most one waiting or running task per kind and subject."""
        return f"{self.kind}:{self.subject}"


class TaskQueue(Protocol):
    """Enqueues inside the unit of work: the task exists exactly when the transaction commits."""

    async def add(self, task: Task) -> bool:
        """Adds a task; False when the same one already waits or runs (then nothing happens)."""
        ...
