"""Having a database to oneself, for the moments in which it is replaced."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sluicegate.core.errors import Conflict
from sluicegate.db.connector import Connector

__all__ = ["has_tables", "nobody_inside", "others_connected"]

_MEMBERS: Final = "members.lock"
_TABLES: Final = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
_OTHERS: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'sluicegate' AND pid <> pg_backend_pid()
"""


@contextmanager
def nobody_inside(home: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Keeps every process out of the embedded server of ``home`` inside the block.

    Args:
        home: as ``EmbeddedPostgres`` takes it.
        patience: seconds to wait for whoever is inside.

    Raises:
        Conflict: a server or a command uses it.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = os.open(home / _MEMBERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Conflict(
                        "A server or another command uses this installation.", action="Stop it, and run this again."
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(lock)


async def others_connected(connector: Connector) -> int:
    """How many connections servers and commands have to this database right now."""
    return await _count(connector, _OTHERS)


async def has_tables(connector: Connector) -> bool:
    """True when something is kept in this database already."""
    return await _count(connector, _TABLES) > 0


async def _count(connector: Connector, query: str) -> int:
    connection = await connector.connect()
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
