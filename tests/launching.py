"""Starts ``sluicegate`` as a process of its own, many times and cheaply.

Loading the product takes Python longer than most tests take, so one process for each test process loads it once and
forks for every start. What comes out is a real process with its own id, environment and descriptors that runs the
command's entry point, can be killed, and is nobody's thread. The tests of the roles and of the command itself start the
installed command instead, as users do.
"""

import asyncio
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "Outcome", "Started", "run", "start"]

COMMAND = str(Path(sys.executable).parent / "sluicegate")
"""The installed command."""

_ROOT = Path(__file__).parent.parent
_PRELOADED = (
    "sluicegate.cli",
    "sluicegate.wiring",
    "sluicegate.surfaces",
    "sluicegate.tasks",
    "sluicegate.db",
    "sluicegate.media",
)
_SHOWN_WITH = ("rich.table", "typer.rich_utils")
"""What commands load when they print a table or an error."""
_LEFT_OUT = ("sluicegate.db.migrations", "sluicegate.media.extractor.")
_MESSAGE_MAX = 128 * 1024
_START_SECONDS = 90.0
_RUN_SECONDS = 180.0


@dataclass(frozen=True)
class Outcome:
    """What a command left behind.

    Attributes:
        code: its exit code; negative for the signal that ended it.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read."""
        return json.loads(self.out)


@dataclass
class Started:
    """A running ``sluicegate``, used like ``asyncio.subprocess.Process``."""

    pid: int
    stdout: asyncio.StreamReader
    _ended: asyncio.Future[int] = field(repr=False)

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Waits for its end; the exit code, negative for a signal."""
        return await asyncio.shield(self._ended)

    def send_signal(self, number: int) -> None:
        """Sends a signal unless it has ended."""
        if not self._ended.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


async def start(*arguments: str | Path, environment: Mapping[str, str], stderr: int = subprocess.DEVNULL) -> Started:
    """Starts ``sluicegate`` with these arguments.

    Args:
        arguments: of the command line.
        environment: all of the process's variables.
        stderr: where its standard error goes; a descriptor, or nowhere.
    """
    return await _parent().start([str(one) for one in arguments], environment, stderr)


async def run(
    *arguments: str | Path, data: Path | None = None, seconds: float = _RUN_SECONDS, **environment: str
) -> Outcome:
    """Runs ``sluicegate`` to its end, on an installation's folder if it takes one."""
    options = ("--data-dir", data) if data else ()
    reading, writing = os.pipe()
    try:
        started = await start(*arguments, *options, environment=os.environ | environment, stderr=writing)
    finally:
        os.close(writing)
    err = await _reader(reading)
    try:
        async with asyncio.timeout(seconds):
            out, said = await asyncio.gather(started.stdout.read(), err.read())
            code = await started.wait()
    except TimeoutError:
        started.kill()
        await started.wait()
        raise
    return Outcome(code, out.decode(), said.decode())


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader


class _Parent:
    """This side of the process that has everything loaded: asks it for children and hears of their ends."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # It ends when this process ends, because its end of the pair is closed then.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.launching", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        ours.setblocking(False)
        self.loop = asyncio.get_running_loop()
        self._socket = ours
        self._ids: asyncio.Queue[int | None] = asyncio.Queue()
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._one_at_a_time = asyncio.Lock()
        self.loop.add_reader(ours, self._hear)

    async def start(self, arguments: list[str], environment: Mapping[str, str], stderr: int) -> Started:
        """Has a child made; its standard output comes back through a pipe."""
        asked = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": str(Path.cwd())})
        reading, writing = os.pipe()
        nowhere = os.open(os.devnull, os.O_RDWR)
        try:
            async with self._one_at_a_time, asyncio.timeout(_START_SECONDS):
                descriptors = [nowhere, writing, nowhere if stderr == subprocess.DEVNULL else stderr]
                socket.send_fds(self._socket, [asked.encode()], descriptors)
                pid = await self._ids.get()
            if pid is None:
                raise RuntimeError("The process that has everything loaded has ended.")
        finally:
            os.close(writing)
            os.close(nowhere)
        return Started(pid, await _reader(reading), self._ends[pid])

    def _hear(self) -> None:
        try:
            message = self._socket.recv(_MESSAGE_MAX)
        except ConnectionResetError:
            message = b""
        if not message:
            self.loop.remove_reader(self._socket)
            self._ids.put_nowait(None)
            return
        said = json.loads(message)
        if "code" in said:
            self._ends.pop(said["pid"]).set_result(said["code"])
        else:
            self._ends[said["pid"]] = self.loop.create_future()
            self._ids.put_nowait(said["pid"])


_parents: list[_Parent] = []


def _parent() -> _Parent:
    if not _parents or _parents[0].loop is not asyncio.get_running_loop() or _parents[0].process.poll() is not None:
        _parents[:] = [_Parent()]
    return _parents[0]


class _Nursery:
    """The other side: forks for every request and tells of every end."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(link, selectors.EVENT_READ)
        self._children: dict[int, int] = {}

    def serve(self) -> dict[str, Any] | None:
        """Returns in a child what it is to run, and None here when nobody asks any more."""
        while True:
            for key, _ in self._waiting.select():
                if key.fileobj is not self._link:
                    self._tell_end(key.fd)
                    continue
                message, descriptors, _, _ = socket.recv_fds(self._link, _MESSAGE_MAX, 3)
                if not message:
                    return None
                if self._fork(descriptors) == 0:
                    return json.loads(message)  # type: ignore[no-any-return]

    def _fork(self, descriptors: list[int]) -> int:
        pid = os.fork()
        if pid == 0:
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
            for descriptor in [*descriptors, *self._children]:
                os.close(descriptor)
            self._waiting.close()
            self._link.close()
            return 0
        for descriptor in descriptors:
            os.close(descriptor)
        watch = os.pidfd_open(pid)
        self._children[watch] = pid
        self._waiting.register(watch, selectors.EVENT_READ)
        self._link.send(json.dumps({"pid": pid}).encode())
        return pid

    def _tell_end(self, watch: int) -> None:
        self._waiting.unregister(watch)
        os.close(watch)
        pid = self._children.pop(watch)
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):
            self._link.send(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _preload() -> None:
    for name in _PRELOADED:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.startswith(_LEFT_OUT):
                importlib.import_module(found.name)
    for name in _SHOWN_WITH:
        importlib.import_module(name)
    gc.freeze()


def _main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as link:
        _preload()
        asked = _Nursery(link).serve()
    if asked is None:
        return
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = [COMMAND, *asked["arguments"]]
    main = sys.modules["__main__"]
    main.__package__, main.__spec__ = None, None  # the command takes its name from its file, as it does when installed
    importlib.import_module("sluicegate.cli.main").main()


if __name__ == "__main__":
    _main()
