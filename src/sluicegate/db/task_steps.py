"""What a task's row in PgQueuer's table goes through besides PgQueuer's own steps; each is one statement.

The row's ``headers`` hold two marks of ours: ``failures``, counted since the last success, and ``again``, set by
``queue`` when the task is asked for while it runs.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.db.queue_driver import QueueDriver
from sluicegate.db.queue_schema import LOG, QUEUE, enqueue_statement

__all__ = ["TaskSteps", "owner_lock_key"]

_FINISH: Final = f"UPDATE {QUEUE} SET dedupe_key = NULL WHERE id = $1 AND NOT headers ? 'again' RETURNING id"  # noqa: S608 - a constant name
_AGAIN: Final = f"""
    WITH old AS (SELECT id, headers ? 'again' AS again FROM {QUEUE} WHERE id = $1 FOR UPDATE)
    UPDATE {QUEUE} AS task SET headers = task.headers - 'again' - 'failures'
    FROM old WHERE task.id = old.id RETURNING old.again
"""  # noqa: S608 - a constant name
_FAILED: Final = f"""
    UPDATE {QUEUE} SET headers = (headers - 'again')
        || jsonb_build_object('failures', coalesce((headers ->> 'failures')::int, 0) + 1)
    WHERE id = $1 RETURNING (headers ->> 'failures')::int AS failures
"""  # noqa: S608 - a constant name
_OWNERS: Final = f"""
    SELECT DISTINCT queue_manager_id AS owner FROM {QUEUE} WHERE status = 'picked' AND queue_manager_id IS NOT NULL
"""  # noqa: S608 - a constant name
_TAKE_BACK: Final = f"""
    UPDATE {QUEUE} SET status = 'queued', queue_manager_id = NULL, slot = NULL, execute_after = now()
    WHERE queue_manager_id = $1 AND status = 'picked'
"""  # noqa: S608 - a constant name
_PRUNE: Final = f"DELETE FROM {LOG} WHERE created < now() - interval '1 hour'"  # noqa: S608 - a constant name


class TaskSteps:
    """The statements, on a worker's own connection."""

    def __init__(self, driver: QueueDriver) -> None:
        self._driver = driver

    async def add(self, kind: str, subject: str) -> None:
        """Adds a task unless the same one is there."""
        row = ([0], [kind], [subject.encode()], [timedelta()], [f"{kind}:{subject}"], ["{}"])
        await self._driver.fetch(enqueue_statement(), *row)

    async def finish(self, task_id: int) -> bool:
        """Gives up the task's key, so that the next request makes a new task; False when it is wanted again first."""
        return bool(await self._driver.fetch(_FINISH, task_id))

    async def again(self, task_id: int) -> bool:
        """Clears the marks of a task that runs again; True when somebody asked for it meanwhile."""
        rows = await self._driver.fetch(_AGAIN, task_id)
        return bool(rows and rows[0]["again"])

    async def failed(self, task_id: int) -> int:
        """Counts a failure; how many there were in a row."""
        rows = await self._driver.fetch(_FAILED, task_id)
        return int(str(rows[0]["failures"])) if rows else 1

    async def take_back(self, me: UUID) -> None:
        """Puts back the tasks of workers that are provably gone.

        Each worker holds an advisory lock of its own on its listening connection. PostgreSQL drops it with the
        connection, and the kernel drops the connection with the process: whoever can take it has outlived its owner.
        """
        for row in await self._driver.fetch(_OWNERS):
            owner = UUID(str(row["owner"]))
            key = owner_lock_key(owner)
            if owner == me or not (await self._driver.fetch("SELECT pg_try_advisory_lock($1) AS free", key))[0]["free"]:
                continue
            await self._driver.execute(_TAKE_BACK, owner)
            await self._driver.execute("SELECT pg_advisory_unlock($1)", key)

    async def prune(self) -> None:
        """Forgets what PgQueuer logged more than an hour ago; nothing else ever would."""
        await self._driver.execute(_PRUNE)


def owner_lock_key(owner: UUID) -> int:
    """The advisory lock of a worker: half of its random id, as a signed 64-bit number."""
    return int.from_bytes(owner.bytes[:8], "big", signed=True)
