"""Units of work of media jobs at work: a few at a time, so that hundreds of them leave the database to requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sluicegate.core.ports import UnitOfWork, UnitOfWorkFactory

__all__ = ["PatientTransactions"]

_AT_ONCE: Final = 3
"""Of the ten connections of a process; more would not go faster, as one event loop serves them all."""


class PatientTransactions:
    """Implements ``core.ports.UnitOfWorkFactory``; never open one inside another, which could wait for ever."""

    def __init__(self, transactions: UnitOfWorkFactory, at_once: int = _AT_ONCE) -> None:
        self._transactions = transactions
        self._turns = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        """A fresh transaction, when it is its turn."""
        async with self._turns, self._transactions() as tx:
            yield tx
