"""Enqueuing: a task becomes visible to the workers when, and only when, the unit of work commits.

PgQueuer's unique index on the dedupe key covers waiting and running tasks. A task that is asked for while the same one
waits is there already; its row is locked until we commit. One that is asked for while the same one *runs* must not be
lost, as the running one may have read its row before our transaction changed it: it gets the mark ``again``, and the
worker runs it once more. The worker gives the key up only where no mark is set, in one statement, so that no mark can
fall between its last look and the row's end (``task_steps``).
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import InternalError
from sluicegate.core.ports import Task
from sluicegate.db.queue_schema import QUEUE, TASK_CHANNEL, enqueue_statement, settings

__all__ = ["Tasks"]

_ROUNDS: Final = 5
"""Each round is lost only to a task that ends between our two statements."""
_MARK: Final = text(
    f"""UPDATE {QUEUE} SET headers = headers || '{{"again": true}}'
    WHERE dedupe_key = :key AND status = 'picked' RETURNING id"""  # noqa: S608 - a constant name
)
_IS_THERE: Final = text(f"SELECT id FROM {QUEUE} WHERE dedupe_key = :key")  # noqa: S608 - a constant name
_WAITS: Final = text(
    # The lock keeps the workers away from it until we commit: it must not run on what was true before.
    f"SELECT id FROM {QUEUE} WHERE dedupe_key = :key AND status = 'queued' FOR SHARE"  # noqa: S608 - a constant name
)
_HURRY: Final = text(
    f"""UPDATE {QUEUE} SET execute_after = now() WHERE dedupe_key = :key AND status = 'queued' AND execute_after > now()
    RETURNING id"""  # noqa: S608 - a constant name
)
_TELL: Final = text(
    # What PgQueuer's trigger says of a new task; of a changed one it says nothing.
    "SELECT pg_notify(:channel, json_build_object('channel', cast(:channel AS text), 'operation', 'update', "
    "'sent_at', clock_timestamp(), 'table', cast(:table AS text), 'type', 'table_changed_event')::text)"
)


class Tasks:
    """Implements ``core.ports.TaskQueue`` inside one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, task: Task) -> bool:
        """Adds a task; False when the same one waits, or runs and will therefore run once more."""
        for _ in range(_ROUNDS):
            if await self._insert(task):
                return True
            key = {"key": task.dedupe_key}
            if task.at_once and await self._hurry(key):
                return False
            for statement in (_MARK, _WAITS) if task.again else (_IS_THERE,):
                if (await self._connection.execute(statement, key)).first() is not None:
                    return False
        raise InternalError("The task queue changes faster than it can be read.", retry_after=1.0)

    async def _hurry(self, key: dict[str, str]) -> bool:
        """Lets a task that waits for a later time run as soon as we commit; False when none does."""
        if (await self._connection.execute(_HURRY, key)).first() is None:
            return False
        table = settings().queue_table
        await self._connection.execute(_TELL, {"channel": TASK_CHANNEL, "table": table})
        return True

    async def _insert(self, task: Task) -> bool:
        delay = timedelta(seconds=task.delay)
        row = ([task.priority], [task.kind], [task.subject.encode()], [delay], [task.dedupe_key], ["{}"])
        return (await self._connection.exec_driver_sql(enqueue_statement(), row)).first() is not None
