"""Ends open streams whose right is withdrawn, whoever withdrew it: another process, a command, or a deleted user."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.bytes.open_streams import OpenStreams
from sluicegate.web.signing import Grant

__all__ = ["Notices", "Rights", "StreamWatch"]

_log: Final = logging.getLogger(__name__)
_EVERY_SECONDS: Final = 1.0


class Rights(Protocol):
    """What still stands (``services.stream_rights``)."""

    def forget(self) -> None:
        """Some right has changed."""
        ...

    async def lost(self, rights: Collection[Grant]) -> Collection[Grant]:
        """Those that do not stand any more."""
        ...


class Notices(Protocol):
    """Tells at once that keys or accounts have changed (``db.change_notices``)."""

    async def watch(self, changed: Callable[[], None]) -> None:
        """Calls ``changed`` after every change."""
        ...


class StreamWatch:
    """Looks at what the open streams lean on: at every notice, and each second for what sends none.

    It runs while there are open streams, and costs nothing while there are none.
    """

    def __init__(self, streams: OpenStreams, rights: Rights, notices: Notices) -> None:
        self._streams = streams
        self._rights = rights
        self._notices = notices
        self._changed = asyncio.Event()
        self._watching = False
        self._task: asyncio.Task[None] | None = None
        streams.on_open(self._start)

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="watch over open streams")

    async def _run(self) -> None:
        while grants := self._streams.grants():
            try:
                await self._listen()
                for grant in await self._rights.lost(grants):
                    self._streams.end_grant(grant)
            except SluicegateError as error:
                # Streams outlive a database that restarts; new ones are refused meanwhile.
                _log.warning("The rights of open streams could not be checked: %s", error.detail)
            with contextlib.suppress(TimeoutError):  # time for the next look
                await asyncio.wait_for(self._changed.wait(), _EVERY_SECONDS)
            self._changed.clear()

    async def _listen(self) -> None:
        if not self._watching:
            await self._notices.watch(self._notice)
            self._watching = True

    def _notice(self) -> None:
        self._rights.forget()
        self._changed.set()
