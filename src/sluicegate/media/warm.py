"""Children that start warm: forked from a launcher that has loaded the page readers. Most pages take less time.

The first one starts the launcher. It goes by itself when nobody has needed it for a minute, and is replaced when it is
old, has forked often, or when a child of it crashed, so that few share what forks share (decision record 23).
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

from sluicegate.core.errors import InternalError
from sluicegate.media.child import Child
from sluicegate.media.launcher import Launcher, LauncherGone

__all__ = ["WarmChildren"]

_IDLE_SECONDS: Final = 60.0
_MOST_SECONDS: Final = 600.0
_MOST_FORKS: Final = 100
_TRIES: Final = 3


class WarmChildren:
    """Starts children of one kind. Its owner closes it.

    Args:
        command: starts a launcher.
        idle_seconds: after which a launcher without children ends itself.
    """

    def __init__(self, command: Sequence[str], *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._command = command
        self._idle_seconds = idle_seconds
        self._launchers: list[Launcher] = []
        self._opening = asyncio.Lock()
        self._closed = False

    @staticmethod
    def possible() -> bool:
        """Whether this system has all that a launcher needs: a fork that is sound and descriptors of processes."""
        if not sys.platform.startswith("linux"):
            return False
        try:
            os.close(os.pidfd_open(os.getpid()))
        except OSError:  # an old kernel, or a container that filters it
            return False
        return True

    async def start(self) -> Child:
        """A child that has no order yet; its caller ends it.

        Raises:
            InternalError: none can be started.
        """
        failure = InternalError("A child process for media work could not be started.")
        for _ in range(_TRIES):
            launcher = await self._current()
            try:
                return await launcher.fork()
            except LauncherGone:  # at the end of its patience, or killed
                complaint = await launcher.complaint()
                failure.add_note(f"The launcher ended: {complaint.decode('utf-8', 'replace')}")
        raise failure

    async def aclose(self) -> None:
        """Ends the launchers with all of their children; idempotent."""
        self._closed = True
        async with self._opening:
            launchers, self._launchers = self._launchers, []
            for launcher in launchers:
                await launcher.aclose()

    async def _current(self) -> Launcher:
        """The newest launcher; the older ones end with their last child."""
        async with self._opening:
            if self._closed:
                raise InternalError("A child process for media work was wanted after the end.")
            if not self._launchers or _worn(self._launchers[-1]):
                await self._part()
                self._launchers.append(await Launcher.open(self._command, self._idle_seconds))
            return self._launchers[-1]

    async def _part(self) -> None:
        """Forgets those that are gone and sends the others into retirement."""
        for launcher in self._launchers:
            if launcher.gone:
                await launcher.aclose()
            else:
                launcher.retire()
        self._launchers = [launcher for launcher in self._launchers if not launcher.gone]


def _worn(launcher: Launcher) -> bool:
    return launcher.gone or launcher.crashed or launcher.forks >= _MOST_FORKS or launcher.age > _MOST_SECONDS
