"""Tells a process at once that something in the database has changed, whoever changed it."""

from collections.abc import Callable
from typing import Final

import asyncpg

from sluicegate.db.listener import Listener

__all__ = ["RESTS", "ChangeNotices"]

RESTS: Final = "sluicegate_rests"
"""The channel on which a trigger says that an account has to rest."""


class ChangeNotices:
    """The notices that triggers of the database send on one channel.

    Implements ``services.gateway_access.AccessNotices`` and ``net.pacing.RestNotices``.
    """

    def __init__(self, listener: Listener, channel: str) -> None:
        self._listener = listener
        self._channel = channel

    async def watch(self, changed: Callable[[], None]) -> None:
        """Calls ``changed`` after every change, and whenever notices may have been missed.

        Raises:
            InternalError: the database is not reachable.
        """

        async def reconnected(_connection: asyncpg.Connection) -> None:
            changed()

        await self._listener.listen(self._channel, lambda _: changed())
        await self._listener.on_connect(reconnected)
