"""Names of PgQueuer's objects in our database: everything in a schema of its own, its log not worth a disk flush.

PgQueuer itself is loaded when it is first needed: a command that only reads starts a third faster without it.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence.queries import Queries
    from pgqueuer.domain.settings import DBSettings
    from pgqueuer.ports.driver import Driver

__all__ = ["LOG", "QUEUE", "TASK_CHANNEL", "enqueue_statement", "queries", "settings"]

_SCHEMA: Final = "tasks"
TASK_CHANNEL: Final = "sluicegate_tasks"
"""PgQueuer notifies here when a task is added or has ended."""
QUEUE: Final = f"{_SCHEMA}.pgqueuer"
"""The queue table."""
LOG: Final = f"{_SCHEMA}.pgqueuer_log"
"""PgQueuer's log table: a row per step of a task; the worker prunes it."""


@cache
def settings() -> "DBSettings":
    """PgQueuer's settings; every name is given, so that its environment variables cannot move the tables."""
    from pgqueuer.domain.settings import DBSettings, Durability
    from pgqueuer.domain.types import Channel

    return DBSettings(
        prefix="",
        db_schema=_SCHEMA,
        channel=Channel(TASK_CHANNEL),
        function="fn_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        trigger="tg_pgqueuer_changed",
        schedules_table="pgqueuer_schedules",
        durability=Durability.balanced,
    )


@cache
def enqueue_statement() -> str:
    """PgQueuer's SQL to enqueue; a task whose dedupe key is taken is left out instead of failing the transaction.

    Its parameters are six arrays of equal length: priority, kind, payload, delay, dedupe key, headers as JSON text.
    """
    from pgqueuer.adapters.persistence.qb import QueryQueueBuilder

    return QueryQueueBuilder(settings()).build_enqueue_query("skip")


def queries(driver: "Driver") -> "Queries":
    """PgQueuer's statements over ``driver``."""
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
    from pgqueuer.adapters.persistence.queries import Queries

    ours = settings()
    return Queries(driver, QueryBuilderEnvironment(ours), QueryQueueBuilder(ours), QuerySchedulerBuilder(ours))
