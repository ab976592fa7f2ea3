"""Translation of database failures into the core's error tree; the only place that knows both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sluicegate.core.errors import InternalError, InvalidInput, SluicegateError

__all__ = ["translated", "unreachable"]

_WAIT: Final = "Nothing to do: it is tried again by itself. If it lasts, 'sluicegate doctor' says what is wrong."
_LOST_STATES: Final = ("08", "53", "57", "58")
"""SQLSTATE classes: connection, resources, operator intervention (shutdown), system error."""
_BUSY_STATES: Final = ("40", "55", "57014")
"""Deadlock and serialisation, lock not available, statement time-out."""
_VALUE_STATES: Final = ("22003", "22008", "22021", "22P05")
"""A number or time out of range, a NUL, a character that the database's encoding lacks."""


def unreachable() -> InternalError:
    """The error for "no connection": what to say when the cause must not be shown."""
    return InternalError("The database cannot be reached right now.", action=_WAIT, retry_after=2.0)


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the database layer raises into core errors; SQL, parameters and addresses stay in the cause.

    Raises:
        InvalidInput: a value that no column can hold, which only somebody else can have sent.
        InternalError: unreachable, too busy, or a fault of ours; ``retry_after`` is set for the first two.
    """
    try:
        yield
    except PoolTimeout as error:
        raise InternalError("The database is too busy right now.", action=_WAIT, retry_after=2.0) from error
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _core_error(error) from error


def _core_error(error: Exception) -> SluicegateError:
    state = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    if state in _VALUE_STATES or _overflows(error):
        return InvalidInput("A value in it cannot be kept: a NUL character, or a number or time beyond all bounds.")
    if state.startswith(_BUSY_STATES):
        return InternalError("The database is too busy right now.", action=_WAIT, retry_after=1.0)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or state.startswith(_LOST_STATES) or isinstance(error, asyncpg.InterfaceError | ConnectionError):
        return unreachable()
    return InternalError("The database refused a statement of ours.")


def _overflows(error: BaseException | None) -> bool:
    """Whether the driver itself found a value too large to send; it has no SQLSTATE for that."""
    while error is not None:
        if isinstance(error, OverflowError):
            return True
        error = error.__cause__
    return False
