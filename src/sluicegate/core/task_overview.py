"""What the operator sees of background work: kinds of tasks, and the workers that are at them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

__all__ = ["KindOfTask", "TaskOverviewRepository", "WorkerAtWork"]


@dataclass(frozen=True, slots=True)
class KindOfTask:
    """The tasks of one kind that are in the queue.

    Attributes:
        due: they could run now and wait for a worker.
        later: they wait for their time.
        running: at work.
        failing: of all of these, those whose last try failed; they are tried again by themselves.
        oldest_due: since when the first of the due ones could run.
        last_step: when something last happened to one of them.
    """

    kind: str
    due: int
    later: int
    running: int
    failing: int
    oldest_due: datetime | None
    last_step: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerAtWork:
    """A worker with tasks at work; one that has none just now is not seen.

    Attributes:
        heard_at: its last sign of life.
    """

    id: UUID
    tasks: int
    heard_at: datetime


class TaskOverviewRepository(Protocol):
    """Reads the queue."""

    async def kinds(self) -> list[KindOfTask]:
        """Kinds with tasks, by name."""
        ...

    async def workers(self) -> list[WorkerAtWork]:
        """The busiest first; at most 100."""
        ...

    async def living(self) -> int:
        """How many workers are there, at work or not."""
        ...
