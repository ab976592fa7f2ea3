"""Background work for the operator's eyes: what waits, runs and fails, and when the sweep last looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluicegate.core.ports import UnitOfWorkFactory
from sluicegate.core.task_overview import KindOfTask, WorkerAtWork

__all__ = ["BackgroundWork", "TaskOverviewService"]

_SWEEP: Final = "sweep"


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """What is in the queue now.

    Attributes:
        living: workers that are there.
        workers: those of them with tasks at work.
        swept_at: when the look for jobs without a task last began or ended; None before the first one.
    """

    kinds: Sequence[KindOfTask]
    workers: Sequence[WorkerAtWork]
    living: int

    @property
    def swept_at(self) -> datetime | None:
        """The last step of the sweep's own task."""
        return next((kind.last_step for kind in self.kinds if kind.kind == _SWEEP), None)


class TaskOverviewService:
    """Reads the queue; whoever calls it is the operator."""

    def __init__(self, transactions: UnitOfWorkFactory) -> None:
        self._transactions = transactions

    async def now(self) -> BackgroundWork:
        """Kinds of tasks and workers."""
        async with self._transactions() as tx:
            overview = tx.task_overview
            return BackgroundWork(await overview.kinds(), await overview.workers(), await overview.living())
