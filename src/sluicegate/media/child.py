"""Runs one child process: bounded in time and output, killed as a whole group, never outliving its caller.

The child leads a process group and a session of its own. Cancelling the caller ends the group (TERM, then KILL)
before the cancellation goes on; the death of this process ends it through the kernel (see ``confine.py``).
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from sluicegate.core.errors import InternalError
from sluicegate.media.confine import Confinement

__all__ = [
    "MAX_LINE",
    "Child",
    "ChildLimits",
    "Ending",
    "attend_child",
    "clean_environment",
    "confined",
    "last_bytes",
    "python_child",
    "run_child",
    "start_child",
]

MAX_LINE: Final = 1 << 20
"""Bytes of a line of a child's output."""

_GRACE_SECONDS: Final = 2.0
_MAX_COMPLAINT: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one child may use.

    Attributes:
        wall_seconds: longest life.
        cpu_seconds: processor time.
        memory: bytes of address space.
        file_size: bytes of the largest single file.
    """

    wall_seconds: float
    cpu_seconds: int
    memory: int
    file_size: int

    def confinement(self, folder: Path, ports: tuple[int, ...] | None) -> Confinement:
        """The same limits as the child gets them, with its folder and the ports it may connect to."""
        return Confinement(
            parent=os.getpid(),
            folder=str(folder),
            cpu_seconds=self.cpu_seconds,
            memory=self.memory,
            file_size=self.file_size,
            ports=ports,
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended.

    Attributes:
        code: exit code; negative: the signal that killed it.
        timed_out: it lived longer than allowed and was killed for it.
        complaint: the last bytes of its error output, for logs of developers; never for users, never interpreted.
    """

    code: int
    timed_out: bool
    complaint: bytes

    @property
    def over_size(self) -> bool:
        """The kernel stopped it for writing a file beyond the limit."""
        return self.code == -signal.SIGXFSZ

    @property
    def over_time(self) -> bool:
        """It used up its wall time or processor time."""
        return self.timed_out or self.code == -signal.SIGXCPU


class Child(Protocol):
    """A started child, the leader of a session and a group of its own."""

    @property
    def parent(self) -> int:
        """The process with which it dies."""

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Its standard input."""

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Its standard output."""

    @property
    def stderr(self) -> asyncio.StreamReader:
        """Its error output."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative: the signal that killed it; None while it lives."""

    async def wait(self) -> int:
        """Waits for its end; cancelling this changes nothing for it."""

    def signal_group(self, number: signal.Signals) -> None:
        """Sends a signal to all of its group; fine when they have ended."""

    def close(self) -> None:
        """Lets go of its streams, whatever was not read of them; it has ended."""


class _Spawned:
    """A program that was started by this process. See ``Child``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018  (opened as pipes)
        self.parent = os.getpid()
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr
        self._process = process

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # all have ended
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """The event loop lets go of them."""


def python_child(module: str) -> list[str]:
    """The command for a child that is a module of ours, isolated from the environment and the current folder."""
    return [sys.executable, "-I", "-m", module]


def confined(limits: Confinement, program: Path, arguments: Sequence[str]) -> list[str]:
    """The command for a foreign program that is put under ``limits`` before it starts."""
    return [
        *python_child("sluicegate.media.launch"),
        msgspec.json.encode(limits).decode(),
        str(program),
        *arguments,
    ]


async def run_child(
    command: Sequence[str],
    *,
    folder: Path,
    wall_seconds: float,
    on_line: Callable[[bytes], None],
    feed: bytes = b"",
    keep_open: Sequence[int] = (),
) -> Ending:
    """Runs ``command`` in ``folder`` until it ends or ``wall_seconds`` are over.

    Args:
        command: program and arguments; no shell. Arguments are visible to other users: secrets go through ``feed``.
        folder: working folder, home and temporary folder.
        wall_seconds: longest life.
        on_line: gets each line of the standard output; what it raises ends the child and is raised here.
        feed: bytes for its standard input.
        keep_open: further file descriptors that it inherits.

    Raises:
        InternalError: it cannot be started, or wrote an endless line.
    """
    process = await start_child(command, folder=folder, keep_open=keep_open)
    return await attend_child(process, wall_seconds=wall_seconds, on_line=on_line, feed=feed)


async def start_child(command: Sequence[str], *, folder: Path, keep_open: Sequence[int] = ()) -> Child:
    """Starts ``command`` as the leader of a group of its own. Raises InternalError."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=clean_environment(folder),
            start_new_session=True,
            pass_fds=tuple(keep_open),
            limit=MAX_LINE,
        )
    except OSError as error:
        raise InternalError("A child process for media work could not be started.") from error
    return _Spawned(process)


def clean_environment(folder: Path) -> dict[str, str]:
    """All the environment a child gets: no secret, no proxy, no search path of ours."""
    home = str(folder)
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home, "YTDLP_NO_PLUGINS": "1"}


async def attend_child(child: Child, *, wall_seconds: float, on_line: Callable[[bytes], None], feed: bytes) -> Ending:
    """Feeds a started child and follows it to its end; see ``run_child``."""
    timed_out = False
    complaint = asyncio.create_task(last_bytes(child.stderr))
    try:
        try:
            async with asyncio.timeout(wall_seconds):
                await _feed(child, feed)
                await _lines(child, on_line)
                await child.wait()
        except TimeoutError:
            timed_out = True
    finally:
        await _end(child)
        tail = await complaint
        child.close()
    return Ending(child.returncode or 0, timed_out, tail)


async def _feed(child: Child, feed: bytes) -> None:
    # A child that dies early closes the pipe; its exit code tells the story.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # see above
        child.stdin.write(feed)
        await child.stdin.drain()
    child.stdin.close()


async def _lines(child: Child, on_line: Callable[[bytes], None]) -> None:
    while True:
        try:
            line = await child.stdout.readline()
        except ValueError as error:
            raise InternalError("A child process wrote an endless line.") from error
        if not line:
            return
        on_line(line)


async def last_bytes(stream: asyncio.StreamReader) -> bytes:
    """Drains ``stream`` to its end and keeps the last part."""
    tail = b""
    while chunk := await stream.read(4096):
        tail = (tail + chunk)[-_MAX_COMPLAINT:]
    return tail


async def _end(child: Child) -> None:
    """Ends the whole group and waits for its leader, even while the caller is being cancelled."""
    if child.returncode is not None:
        return
    child.signal_group(signal.SIGTERM)
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await child.wait()
    except TimeoutError:
        pass
    finally:
        # Members of the group may outlive a leader that took the hint.
        child.signal_group(signal.SIGKILL)
    await child.wait()
