"""The task queue as the operator sees it."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.task_overview import KindOfTask, WorkerAtWork
from sluicegate.db.queue_schema import QUEUE
from sluicegate.db.rows import many

__all__ = ["TaskOverview"]

_KINDS: Final = text(
    f"""SELECT entrypoint AS kind,
        count(*) FILTER (WHERE status = 'queued' AND execute_after <= now()) AS due,
        count(*) FILTER (WHERE status = 'queued' AND execute_after > now()) AS later,
        count(*) FILTER (WHERE status = 'picked') AS running,
        count(*) FILTER (WHERE headers ? 'failures') AS failing,
        min(execute_after) FILTER (WHERE status = 'queued' AND execute_after <= now()) AS oldest_due,
        max(updated) AS last_step
    FROM {QUEUE} GROUP BY entrypoint ORDER BY entrypoint"""  # noqa: S608 - a constant name
)
_WORKERS: Final = text(
    f"""SELECT queue_manager_id AS id, count(*) AS tasks, max(heartbeat) AS heard_at
    FROM {QUEUE} WHERE status = 'picked' AND queue_manager_id IS NOT NULL
    GROUP BY queue_manager_id ORDER BY tasks DESC, id LIMIT 100"""  # noqa: S608
)


class TaskOverview:
    """Implements ``core.task_overview.TaskOverviewRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def kinds(self) -> list[KindOfTask]:
        """See the port."""
        return [KindOfTask(**row) for row in await many(self._connection, _KINDS)]

    async def workers(self) -> list[WorkerAtWork]:
        """See the port."""
        return [WorkerAtWork(**row) for row in await many(self._connection, _WORKERS)]
