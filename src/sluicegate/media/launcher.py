"""The server's side of a launcher (``forking.py``): has children forked, signals them and learns how they end."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from sluicegate.core.errors import InternalError
from sluicegate.media.child import MAX_LINE, Child, clean_environment, last_bytes
from sluicegate.media.launcher_wire import PACKET, Ask, Ended, Failed, Fork, Retire, Say, Signal, Started
from sluicegate.media.streams import Streams, opened_streams

__all__ = ["Launcher", "LauncherGone"]

_START_SECONDS: Final = 60.0
"""For loading everything on a machine that is very busy, and a fork."""

_OBEY_SECONDS: Final = 20.0
"""A launcher that has not ended a child for so long is stuck."""

_WHOLE_GROUP: Final = 1 << 2
"""PIDFD_SIGNAL_PROCESS_GROUP of pidfd_send_signal(2), Linux 6.9."""

_CRASHES: Final = frozenset(
    -number for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE, signal.SIGSYS)
)


class LauncherGone(Exception):
    """It ended before the child began; another launcher can start it."""


class _Forked:
    """A child of a launcher. See ``Child``."""

    def __init__(self, launcher: "Launcher", number: int, streams: Streams) -> None:
        self.parent = launcher.pid
        self.stdin, self.stdout, self.stderr = streams.stdin, streams.stdout, streams.stderr
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.handle: int | None = None
        self.close = streams.close
        self._launcher = launcher
        self._number = number

    @property
    def returncode(self) -> int | None:
        return self.ended.result() if self.ended.done() else None

    def begin(self, failure: Exception | None = None) -> None:
        """It runs, or cannot."""
        if self.begun.done():
            return  # whoever wanted it was cancelled
        if failure is None:
            self.begun.set_result(None)
        else:
            self.begun.set_exception(failure)

    def end(self, code: int) -> None:
        """It is no more."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None
        self.stdin.close()
        self.ended.set_result(code)

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    def signal_group(self, number: signal.Signals) -> None:
        if not self.ended.done():
            self._launcher.signal(self._number, number)


class Launcher:
    """One launcher process and its children.

    Attributes:
        pid: its process id.
        forks: children that were asked of it.
        crashed: one of its children died of a fault. Its forks share one layout of memory: whoever looks for a way in
            must not get a second try at the same.
    """

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.pid = process.pid
        self.forks = 0
        self.crashed = False
        self._process = process
        self._channel = channel
        self._born = time.monotonic()
        self._numbers = itertools.count()
        self._children: dict[int, _Forked] = {}
        self._decoder = msgspec.json.Decoder(Say)
        self._gone = asyncio.Event()
        assert process.stderr is not None  # noqa: S101  (opened as a pipe below)
        self._complaint = asyncio.create_task(last_bytes(process.stderr))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel.fileno(), self._hear)

    @classmethod
    async def open(cls, command: Sequence[str], idle_seconds: float) -> Self:
        """Starts one with ``command``, which ends by itself after ``idle_seconds``. Raises InternalError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003  (its name says what it is)
        with contextlib.ExitStack() as undo, theirs:
            undo.callback(ours.close)
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, str(os.getpid()), str(theirs.fileno()), str(idle_seconds),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    cwd="/",
                    env=clean_environment(Path("/")),
                    start_new_session=True,
                    pass_fds=(theirs.fileno(),),
                )  # fmt: skip
            except OSError as error:
                raise InternalError("A child process for media work could not be started.") from error
            undo.pop_all()
        return cls(process, ours)

    @property
    def gone(self) -> bool:
        """It is no more."""
        return self._gone.is_set()

    @property
    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self._born

    async def fork(self) -> Child:
        """A new child.

        Raises:
            LauncherGone: it ended meanwhile.
            InternalError: the system has no room for another process.
        """
        self.forks += 1
        number = next(self._numbers)
        try:
            async with asyncio.timeout(_START_SECONDS), opened_streams(MAX_LINE) as streams:
                if self.gone:
                    raise LauncherGone
                child = self._children[number] = _Forked(self, number, streams)
                self._ask(Fork(number), *streams.theirs)
                await child.begun
        except OSError as error:
            if isinstance(error, TimeoutError):
                self.kill()
            raise InternalError("A child process for media work could not be started.") from error
        except asyncio.CancelledError:
            self.signal(number, signal.SIGKILL)  # it has no order yet and gets none
            raise
        return child

    def signal(self, number: int, signal_: signal.Signals) -> None:
        """Sends a signal to the group of a child; a launcher that does not obey takes all of its children with it."""
        self._ask(Signal(number, signal_))
        if signal_ == signal.SIGKILL:
            self._loop.call_later(_OBEY_SECONDS, self._kill_if_stuck, number)

    def retire(self) -> None:
        """Lets it end with the last child that it has now."""
        self._ask(Retire())

    def kill(self) -> None:
        """Ends it at once; the kernel ends its children then."""
        with contextlib.suppress(ProcessLookupError):  # it has ended
            self._process.kill()

    def _kill_if_stuck(self, number: int) -> None:
        if number in self._children:
            self.kill()

    async def aclose(self) -> None:
        """Ends it with all of its children; idempotent."""
        if self._children:  # it ends whole groups, the kernel would end the children alone
            with contextlib.suppress(OSError, TimeoutError):  # it is ending already, or is stuck
                self._channel.shutdown(socket.SHUT_WR)
                async with asyncio.timeout(_OBEY_SECONDS):
                    await self._gone.wait()
        self.kill()
        await self._process.wait()
        await self._gone.wait()
        await self._complaint

    async def complaint(self) -> bytes:
        """The last bytes of its error output; it has ended."""
        return await asyncio.shield(self._complaint)

    def _ask(self, message: Ask, *handles: int) -> None:
        """Says nothing to one that has ended; ``_hear`` learns of it. One that listens no more is ended."""
        if self.gone:
            return
        try:
            socket.send_fds(self._channel, [msgspec.json.encode(message)], handles)
        except OSError:
            self.kill()

    def _hear(self) -> None:
        try:
            packet, handles, _, _ = socket.recv_fds(self._channel, PACKET, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except ConnectionError:
            packet, handles = b"", []
        if packet:
            self._note(self._decoder.decode(packet), *handles)
        else:
            self._lose()

    def _note(self, message: Say, handle: int | None = None) -> None:
        child = self._children[message.number]
        match message:
            case Started():
                child.handle = handle
                child.begin()
            case Failed():
                del self._children[message.number]
                child.begin(OSError("There is no room for another process."))
            case Ended(number, code):
                del self._children[number]
                self.crashed |= code in _CRASHES
                child.end(code)

    def _lose(self) -> None:
        """It has ended. The kernel ends its children; one that has found a way out of that is ended here."""
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        self._gone.set()
        for child in self._children.values():
            if child.handle is None:
                child.begin(LauncherGone())
                child.end(-signal.SIGKILL)
            else:
                _kill_group(child.handle)
                self._loop.add_reader(child.handle, self._bury, child, child.handle)
        self._children.clear()

    def _bury(self, child: _Forked, handle: int) -> None:
        self._loop.remove_reader(handle)
        with contextlib.suppress(ChildProcessError):  # usually somebody else adopts it: in a container it may be us
            os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOHANG)
        child.end(-signal.SIGKILL)


def _kill_group(handle: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL, None, _WHOLE_GROUP)
        except OSError:  # a kernel that is older than this flag
            signal.pidfd_send_signal(handle, signal.SIGKILL)
