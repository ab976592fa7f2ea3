"""The launcher: a process that has loaded everything once and forks a child for each piece of work. Linux only.

It has one thread, its standard streams, of which one takes complaints to the server, and a socket to the server. It
never sees what is to be read: that goes from the server to the child through the child's own standard input, after the
fork. So there is nothing in it that one child must not know of another. It ends with the server, when the server hangs
up, and when nobody has needed it.
"""

import contextlib
import fcntl
import gc
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Never

import msgspec

from sluicegate.media.confine import die_with, keep_private
from sluicegate.media.launcher_wire import PACKET, Ask, Ended, Failed, Fork, Retire, Say, Signal, Started

__all__ = ["launch"]

_CONTROL: Final = 3
_OPEN_FILES: Final = 256
"""Of the launcher: a handful, and one for each child."""


def launch(prepare: Callable[[], None], work: Callable[[], None]) -> None:
    """Forks children until nobody needs them; ``sys.argv``: the server's process id, the socket, seconds of patience.

    Args:
        prepare: loads what the children need; it starts no thread and leaves nothing open.
        work: what a child does; its standard streams are the caller's.
    """
    parent, control, idle = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    die_with(parent)
    keep_private()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel = _settle(control)
    gc.disable()
    prepare()
    gc.freeze()  # what is there now is garbage for nobody, and a search through it would copy its pages
    gc.enable()
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        sys.exit("The launcher has more than one thread, so that its forks could hang.")
    _Launcher(channel, work, idle).run()


def _settle(control: int) -> socket.socket:
    """Puts the socket in the place of ``_CONTROL`` and bounds the descriptors that there can ever be."""
    if control != _CONTROL:
        os.dup2(control, _CONTROL, inheritable=False)
        os.close(control)
    fcntl.fcntl(_CONTROL, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return socket.socket(fileno=_CONTROL)


class _Launcher:
    """Obeys the server and tells it of the children's ends."""

    def __init__(self, channel: socket.socket, work: Callable[[], None], idle: float) -> None:
        self._channel = channel
        self._work = work
        self._idle = idle
        self._decoder = msgspec.json.Decoder(Ask)
        self._pid = os.getpid()
        self._children: dict[int, tuple[int, int]] = {}
        """By number: process id and its descriptor. An id stays taken until the launcher has waited for it."""
        self._retired = False

    def run(self) -> None:
        """Returns when nobody needs it; no child is left then."""
        try:
            while self._children or not self._retired:
                ready = self._ready()
                if not ready:
                    return
                for number in [one for one, (_, handle) in self._children.items() if handle in ready]:
                    self._bury(number)
                if _CONTROL in ready:
                    self._obey()
        except (EOFError, OSError):
            return  # the server has hung up
        finally:
            for number in tuple(self._children):
                self._end(number)

    def _ready(self) -> set[int]:
        """Descriptors with news; empty when there were none for so long that it is not worth its memory."""
        poll = select.poll()
        for handle in (_CONTROL, *(handle for _, handle in self._children.values())):
            poll.register(handle, select.POLLIN)
        return {handle for handle, _ in poll.poll(None if self._children else self._idle * 1000)}

    def _obey(self) -> None:
        packet, handles, _, _ = socket.recv_fds(self._channel, PACKET, 3, socket.MSG_CMSG_CLOEXEC)
        if not packet:
            raise EOFError
        try:
            match self._decoder.decode(packet):
                case Fork(number):
                    self._fork(number, handles)
                case Signal(number, signal_):
                    self._signal(number, signal_)
                case Retire():
                    self._retired = True
        finally:
            for handle in handles:
                os.close(handle)

    def _fork(self, number: int, streams: Sequence[int]) -> None:
        try:
            pid = os.fork()
        except OSError:
            self._say(Failed(number))
            return
        if not pid:
            _become_child(self._pid, streams, self._work)
        handle = os.pidfd_open(pid)
        self._children[number] = pid, handle
        self._say(Started(number), handle)

    def _signal(self, number: int, signal_: int) -> None:
        """To the group, or to the child alone while it has no group of its own yet."""
        pid, _ = self._children.get(number, (None, None))
        if pid is None:
            return
        try:
            os.killpg(pid, signal_)
        except ProcessLookupError:
            os.kill(pid, signal_)

    def _bury(self, number: int) -> None:
        self._say(Ended(number, self._end(number)))

    def _end(self, number: int) -> int:
        """Ends what is left of the child's group, then the child itself, whose id names the group until then."""
        pid, handle = self._children.pop(number)
        os.close(handle)
        with contextlib.suppress(ProcessLookupError):  # it never came to lead one
            os.killpg(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _say(self, message: Say, *handles: int) -> None:
        socket.send_fds(self._channel, [msgspec.json.encode(message)], handles)


def _become_child(launcher: int, streams: Sequence[int], work: Callable[[], None]) -> Never:
    """Does ``work`` in a session of its own, with ``streams`` and no other descriptor, and ends."""
    code = 1
    try:
        die_with(launcher)
        os.setsid()
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
        os.closerange(_CONTROL, _OPEN_FILES)
        work()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  (the last frame: below it lies the launcher's loop, which is not the child's)
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
