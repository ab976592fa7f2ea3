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
    GROUP BY queue_manager_id ORDER BY tasks DESC, id LIMIT 100"""  # noqa: S608 - a constant name
)

_LIVING: Final = text(
    # A worker's own lock (``TaskSteps.take_back``) is the only one that a connection keeps while it does nothing.
    """SELECT count(DISTINCT (lock.classid, lock.objid)) AS living
    FROM pg_locks AS lock JOIN pg_stat_activity AS activity USING (pid)
    WHERE lock.locktype = 'advisory' AND lock.granted AND activity.state = 'idle'
        AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
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

    async def living(self) -> int:
        """See the port."""
        return int((await self._connection.execute(_LIVING)).scalar_one())
