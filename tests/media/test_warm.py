"""Forked children: as confined, bounded and ended as those that are started from nothing. All with real processes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
from tests.media.test_child import ROOMY, confined_code, gone

from sluicegate.core.errors import InternalError
from sluicegate.media import launcher as launcher_module
from sluicegate.media import warm as warm_module
from sluicegate.media.child import Child, ChildLimits, Ending, attend_child, python_child, run_child
from sluicegate.media.warm import WarmChildren

DESCRIPTORS = """
import fcntl
def descriptors():
    found = []
    for number in range(1024):
        try:
            fcntl.fcntl(number, fcntl.F_GETFD)
            found.append(number)
        except OSError:
            pass
    return found
"""


def launcher_of(prepare: str = "") -> list[str]:
    """A launcher whose children carry out Python code that they get as their order."""
    code = f"""
import os, random, sys
from sluicegate.media.forking import launch
def prepare():
    pass
{prepare}
launch(prepare, lambda: exec(sys.stdin.read(), {{}}))
"""
    return [sys.executable, "-I", "-c", code]


@pytest.fixture(scope="module")
async def children() -> AsyncIterator[WarmChildren]:
    async with aclosing(WarmChildren(launcher_of())) as running:
        yield running


class Task:
    """A child at work, in the background."""

    def __init__(self, child: Child, code: str, wall: float) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.child = child
        self.task = asyncio.create_task(
            attend_child(
                child,
                wall_seconds=wall,
                on_line=lambda line: self.lines.put_nowait(line.decode().strip()),
                feed=textwrap.dedent(code).encode(),
            )
        )

    def rest(self) -> list[str]:
        return [self.lines.get_nowait() for _ in range(self.lines.qsize())]

    async def line(self) -> str:
        async with asyncio.timeout(60):
            return await self.lines.get()

    async def cancel(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


async def begin(children: WarmChildren, code: str, wall: float = 60) -> Task:
    return Task(await children.start(), code, wall)


async def run(children: WarmChildren, code: str, wall: float = 60) -> tuple[Ending, list[str]]:
    task = await begin(children, code, wall)
    ending = await task.task
    return ending, task.rest()


def enclosed(limits: ChildLimits, folder: Path, launcher: int, code: str, ports: Sequence[int] = ()) -> str:
    """The code of ``confined_code`` for a child of a launcher."""
    whole = confined_code(limits, folder, code, tuple(ports))[-1]
    return whole.replace(f"parent={os.getpid()},", f"parent={launcher},")


SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
STUBBORN = """
    import os, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("code", "expected", "complaint"),
    [
        ("print('hello')", 0, b""),
        ("import sys; print('hello'); sys.exit(3)", 3, b""),
        ("import sys; print('hello'); sys.exit('no')", 1, b""),
        ("print('hello'); 1 / 0", 1, b"ZeroDivisionError"),
        ("import os, signal; print('hello', flush=True); os.kill(os.getpid(), signal.SIGXCPU)", -signal.SIGXCPU, b""),
    ],
)
async def test_how_a_child_ends_is_known(children: WarmChildren, code: str, expected: int, complaint: bytes) -> None:
    ending, lines = await run(children, code)

    assert lines == ["hello"]
    assert (ending.code, ending.timed_out) == (expected, False)
    assert complaint in ending.complaint


async def test_a_child_leads_a_session_of_its_own(children: WarmChildren) -> None:
    child = await children.start()
    task = Task(child, "import os; print(os.getpid(), os.getsid(0), os.getpgid(0), os.getppid())", 60)
    await task.task

    pid, session, group, parent = (int(word) for word in (await task.line()).split())

    assert session == group == pid
    assert parent == child.parent != os.getpid()


async def test_the_kernel_ends_a_child_with_its_launcher(children: WarmChildren) -> None:
    code = """
        import ctypes
        asked = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(asked), 0, 0, 0)  # PR_GET_PDEATHSIG
        print(asked.value)
    """
    _, lines = await run(children, code)

    assert lines == [str(int(signal.SIGKILL))]


async def test_a_child_has_no_other_environment_or_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T21: nothing of the server's reaches a launcher, and nothing of its own or of a sibling's reaches a child."""
    for name in ("SLUICEGATE_MASTER_KEY", "http_proxy", "https_proxy", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    note = tmp_path / "launcher"
    command = launcher_of(
        f"{DESCRIPTORS}\n"
        f"def prepare():\n found = str([sorted(os.environ), descriptors()])\n open({str(note)!r}, 'w').write(found)"
    )
    secret = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        async with aclosing(WarmChildren(command)) as children:
            sibling = await begin(children, SLEEP)
            await sibling.line()
            _, lines = await run(children, f"{DESCRIPTORS}\nimport os; print([sorted(os.environ), descriptors()])")
            await sibling.cancel()
    finally:
        os.close(secret)

    names = ["HOME", "LANG", "PATH", "TMPDIR", "YTDLP_NO_PLUGINS"]
    assert lines == [str([names, [0, 1, 2]])]
    assert note.read_text() == str([names, [0, 1, 2, 3]]), "the launcher: its socket beside its standard streams"


async def test_children_do_not_repeat_each_others_dice(children: WarmChildren) -> None:
    thrown = [(await run(children, "import random; print(random.random())"))[1] for _ in range(3)]

    assert len({line for (line,) in thrown}) == 3


@pytest.mark.parametrize("code", [SLEEP, STUBBORN])
async def test_wall_time(children: WarmChildren, code: str) -> None:
    task = await begin(children, code, wall=2)
    ending = await task.task

    assert ending.timed_out
    assert ending.over_time
    assert ending.code in {-signal.SIGTERM, -signal.SIGKILL}
    assert gone(int(await task.line()))


async def test_cancel_ends_the_whole_group(children: WarmChildren) -> None:
    """T21. Also what the child started, which does not take the hint."""
    code = f"""
        import os, subprocess, sys, time
        other = subprocess.Popen([{sys.executable!r}, "-I", "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); "
            "time.sleep(60)"])
        print(other.pid, flush=True)
        time.sleep(60)
    """
    task = await begin(children, code)
    pids = [int(line) for line in [await task.line(), await task.line()] if line != "deaf"]

    await task.cancel()

    assert task.task.cancelled()
    assert task.child.returncode is not None
    assert all(gone(pid) for pid in pids)


async def test_what_a_child_leaves_behind_ends_with_it(children: WarmChildren) -> None:
    code = """
        import subprocess
        print(subprocess.Popen(["/bin/sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
    """
    ending, lines = await run(children, code)

    assert ending.code == 0
    assert gone(int(lines[0]))


async def test_a_child_that_was_wanted_no_more_gets_no_order(children: WarmChildren) -> None:
    await run(children, "print()")  # the launcher is there
    known = await children.start()
    launcher = psutil.Process(known.parent)
    task = asyncio.create_task(children.start())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    await Task(known, "print()", 60).task
    async with asyncio.timeout(60):
        while launcher.children():
            await asyncio.sleep(0.05)


async def test_no_process_of_an_ended_child_is_left(children: WarmChildren) -> None:
    tasks = [await begin(children, "print('x' * 1000)") for _ in range(5)]
    launcher = psutil.Process(tasks[0].child.parent)
    await asyncio.gather(*(task.task for task in tasks))

    assert launcher.children() == []
    assert launcher.num_threads() == 1


async def test_output_is_bounded(children: WarmChildren) -> None:
    with pytest.raises(InternalError):
        await run(children, "print('x' * (3 << 20))")
    ending, _ = await run(children, "import sys; sys.stderr.write('y' * (1 << 20))")
    assert len(ending.complaint) <= 16 * 1024


async def test_limits(children: WarmChildren, tmp_path: Path) -> None:
    """T21."""
    limits = ChildLimits(wall_seconds=30, cpu_seconds=1, memory=1 << 30, file_size=1 << 20)

    async def ending(code: str) -> Ending:
        child = await children.start()
        return await Task(child, enclosed(limits, tmp_path, child.parent, code), 60).task

    assert b"File too large" in (await ending(f"open({str(tmp_path / 'big')!r}, 'wb').write(bytes(8 << 20))")).complaint
    assert b"MemoryError" in (await ending("bytearray(3 << 30)")).complaint
    busy = await ending("while True: pass")
    assert busy.over_time
    assert not busy.timed_out


def landlock_version() -> int:
    ask = "from sluicegate.media.landlock import enclose; print(enclose(read=[], write=[], ports=None))"
    return int(subprocess.run([sys.executable, "-I", "-c", ask], capture_output=True, check=True).stdout)


TRIED = """
    import ctypes, os, signal, socket
    def tried(act):
        try:
            act()
        except OSError as error:
            return type(error).__name__
        return "done"
    def asked(answer):
        if answer < 0:
            raise PermissionError
    libc = ctypes.CDLL(None, use_errno=True)
    def attack(pid):
        print(tried(lambda: asked(libc.ptrace(0x4206, pid, None, None))))  # PTRACE_SEIZE
        print(tried(lambda: open(f"/proc/{pid}/mem", "rb")))
        print(tried(lambda: os.listdir(f"/proc/{pid}/fd")))
        print(tried(lambda: asked(libc.syscall(438, os.pidfd_open(pid), 0, 0))))  # pidfd_getfd
        print(tried(lambda: os.kill(pid, 0)))
        print(tried(lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 0)))
"""


async def test_a_child_reaches_neither_its_launcher_nor_a_sibling_nor_the_server(
    children: WarmChildren, tmp_path: Path
) -> None:
    """T21: not their memory, not their descriptors, and (where the kernel can) not by a signal."""
    version = landlock_version()
    guarded = "PermissionError" if version or os.getuid() else "done"
    signals = "PermissionError" if version >= 6 else "done"
    child = await children.start()
    sibling = await children.start()
    asleep = Task(sibling, enclosed(ROOMY, tmp_path, sibling.parent, SLEEP), 60)
    victims = [child.parent, int(await asleep.line()), *([os.getpid()] if version else [])]
    code = TRIED + "".join(f"\n    attack({pid})" for pid in victims)
    task = Task(child, enclosed(ROOMY, tmp_path, child.parent, code), 60)

    ending = await task.task

    assert ending.code == 0, ending.complaint
    assert task.rest() == [guarded, guarded, guarded, guarded, signals, signals] * len(victims)
    await asleep.cancel()


async def test_memory_of_launcher_and_children_is_private_without_landlock_too(children: WarmChildren) -> None:
    """A child that nothing encloses is as its launcher is: not even its own user may look into it."""
    _, lines = await run(children, "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))")  # PR_GET_DUMPABLE

    assert lines == ["0"]


async def test_kernel_walls(children: WarmChildren, tmp_path: Path) -> None:
    """T4: no file outside the folder and no connection, as for a child that was started from nothing."""
    with socket_on_loopback() as port:
        code = (
            TRIED
            + f"""
    print(tried(lambda: open("/etc/passwd")))
    print(tried(lambda: open({str(tmp_path.parent / "x")!r}, "w")))
    print(tried(lambda: open({str(tmp_path / "inside")!r}, "w")))
    print(tried(lambda: socket.create_connection(("127.0.0.1", {port}), 5)))
"""
        )
        forked, spawned = [], []
        for ports in ((), (port,)):
            child = await children.start()
            task = Task(child, enclosed(ROOMY, tmp_path, child.parent, code, ports), 60)
            assert (await task.task).code == 0
            forked += task.rest()
            command = confined_code(ROOMY, tmp_path, textwrap.dedent(code), ports)
            await run_child(
                command,
                folder=tmp_path,
                wall_seconds=60,
                on_line=lambda line: spawned.append(line.decode().strip()),
            )

    assert forked == spawned
    if landlock_version() >= 4:
        assert forked == [*["PermissionError"] * 2, "done", "PermissionError", *["PermissionError"] * 2, "done", "done"]


@contextlib.contextmanager
def socket_on_loopback():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_launcher_and_children_die_with_a_killed_server(tmp_path: Path) -> None:
    """kill -9 of the server leaves neither behind."""
    server = f"""
        import asyncio
        from sluicegate.media.child import attend_child
        from sluicegate.media.warm import WarmChildren
        async def main():
            child = await WarmChildren({launcher_of()!r}).start()
            print(child.parent, flush=True)
            tell = lambda line: print(line.decode().strip(), flush=True)
            await attend_child(child, wall_seconds=60, on_line=tell, feed={SLEEP.encode()!r})
        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(server), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        pids = [int(await process.stdout.readline()) for _ in range(2)]
    assert all(psutil.pid_exists(pid) for pid in pids)

    process.kill()
    await process.wait()

    assert all(gone(pid) for pid in pids)


UNDYING = """
    import ctypes, os, time
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)  # no death with the parent
    print(os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("code", [SLEEP, UNDYING])
async def test_a_killed_launcher_takes_its_children_along_and_is_replaced(code: str) -> None:
    """T21. Also one that has told the kernel not to end it."""
    async with aclosing(WarmChildren(launcher_of())) as children:
        task = await begin(children, code)
        pid = int(await task.line())

        os.kill(task.child.parent, signal.SIGKILL)

        async with asyncio.timeout(60):
            ending = await task.task
        assert ending.code == -signal.SIGKILL
        assert not ending.timed_out
        assert gone(pid)
        assert (await run(children, "print('again')"))[1] == ["again"]


async def test_a_child_that_did_not_begin_is_started_by_another_launcher() -> None:
    async with aclosing(WarmChildren(launcher_of())) as children:
        first = (await children.start()).parent
        os.kill(first, signal.SIGSTOP)
        starting = asyncio.create_task(begin(children, "print('begun')"))
        await asyncio.sleep(0.2)
        assert not starting.done()

        os.kill(first, signal.SIGKILL)

        async with asyncio.timeout(60):
            task = await starting
            await task.task
        assert await task.line() == "begun"
        assert task.child.parent != first


async def test_a_launcher_that_is_stuck_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_module, "_OBEY_SECONDS", 0.5)
    async with aclosing(WarmChildren(launcher_of())) as children:
        task = await begin(children, SLEEP)
        pid = int(await task.line())
        os.kill(task.child.parent, signal.SIGSTOP)

        async with asyncio.timeout(60):
            await task.cancel()

        assert gone(pid)
        assert gone(task.child.parent)
        assert (await run(children, "print('again')"))[1] == ["again"]


async def test_an_idle_launcher_ends_itself_and_the_next_one_comes() -> None:
    async with aclosing(WarmChildren(launcher_of(), idle_seconds=0.2)) as children:
        launchers = set()
        for _ in range(2):
            task = await begin(children, "import time; time.sleep(1); print('awake')")
            launchers.add(task.child.parent)
            assert (await task.task).code == 0, "it does not go while a child is at work"
            assert gone(task.child.parent, within=60)
        assert len(launchers) == 2


@pytest.mark.parametrize(("name", "value"), [("_MOST_FORKS", 1), ("_MOST_SECONDS", 0.0)])
async def test_an_old_launcher_is_replaced_and_goes_with_its_last_child(
    monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    monkeypatch.setattr(warm_module, name, value)
    async with aclosing(WarmChildren(launcher_of())) as children:
        first = await begin(children, SLEEP)
        await first.line()
        second = await begin(children, SLEEP)
        await second.line()
        assert first.child.parent != second.child.parent
        assert psutil.pid_exists(first.child.parent)

        await first.cancel()

        assert gone(first.child.parent, within=60)
        assert second.child.returncode is None
        await second.cancel()


async def test_after_a_crash_no_child_has_the_same_layout(children: WarmChildren) -> None:
    crashed = await begin(children, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (await crashed.task).code == -signal.SIGSEGV

    after = await begin(children, "print('again')")
    assert after.child.parent != crashed.child.parent
    assert (await after.task).code == 0


async def test_closing_ends_everything() -> None:
    children = WarmChildren(launcher_of())
    task = await begin(children, SLEEP)
    pid = int(await task.line())

    await children.aclose()

    async with asyncio.timeout(60):
        assert (await task.task).code == -signal.SIGKILL
    assert gone(pid)
    assert gone(task.child.parent)
    await children.aclose()
    with pytest.raises(InternalError):
        await children.start()


async def test_a_launcher_that_cannot_start_says_why() -> None:
    async with aclosing(WarmChildren(launcher_of("def prepare(): raise ValueError('broken')"))) as children:
        with pytest.raises(InternalError) as caught:
            await children.start()
    assert any("broken" in note for note in caught.value.__notes__)
    async with aclosing(WarmChildren(["/nonexistent/program"])) as children:
        with pytest.raises(InternalError):
            await children.start()


async def test_a_launcher_with_threads_does_not_fork() -> None:
    threads = (
        "def prepare():\n import threading, time\n threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    async with aclosing(WarmChildren(launcher_of(threads))) as children:
        with pytest.raises(InternalError) as caught:
            await children.start()
    assert any("thread" in note for note in caught.value.__notes__)


async def test_a_system_without_room_for_another_process() -> None:
    refusing = """
def prepare():
    really, room = os.fork, [1]
    def fork():
        if not room:
            raise BlockingIOError(11, "no room")
        room.pop()
        return really()
    os.fork = fork
"""
    async with aclosing(WarmChildren(launcher_of(refusing))) as children:
        sibling = await begin(children, "import sys; print('alive', flush=True)")
        with pytest.raises(InternalError):
            await children.start()
        assert (await sibling.task).code == 0, "it goes on"


async def test_a_launcher_of_a_dead_server_does_not_begin() -> None:
    process = await asyncio.create_subprocess_exec(*python_child("sluicegate.media.extractor"), "1", "0", "60")

    assert await process.wait() == -signal.SIGKILL
