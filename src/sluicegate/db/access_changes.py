"""Tells a process at once that keys, add-ons, policies or accounts have changed, whoever changed them."""

from collections.abc import Callable

import asyncpg

from sluicegate.db.gateway_schema import CHANNEL
from sluicegate.db.listener import Listener

__all__ = ["AccessChanges"]


class AccessChanges:
    """Implements ``services.gateway_access.AccessNotices``; the notices come from triggers of the database."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def watch(self, changed: Callable[[], None]) -> None:
        """Calls ``changed`` after every change, and whenever notices may have been missed.

        Raises:
            InternalError: the database is not reachable.
        """

        async def reconnected(_connection: asyncpg.Connection) -> None:
            changed()

        await self._listener.listen(CHANNEL, lambda _: changed())
        await self._listener.on_connect(reconnected)
