"""Children: limits, group kill, isolation, and death with the parent. All with real processes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.media.site import Site

from sluicegate.core.errors import InternalError
from sluicegate.media.child import ChildLimits, Ending, confined, run_child
from sluicegate.media.landlock import enclose

PYTHON = Path(sys.executable)
ROOMY = ChildLimits(wall_seconds=30, cpu_seconds=30, memory=4 << 30, file_size=1 << 30)


async def run(
    folder: Path, code: str, *, limits: ChildLimits = ROOMY, feed: bytes = b"", wall: float = 30
) -> tuple[Ending, list[str]]:
    """Runs Python code in a confined child; returns how it ended and what it printed."""
    lines: list[str] = []
    command = [str(PYTHON), "-I", "-c", textwrap.dedent(code)]
    ending = await run_child(
        command, folder=folder, wall_seconds=wall, on_line=lambda line: lines.append(line.decode().strip()), feed=feed
    )
    return ending, lines


def confined_code(limits: ChildLimits, folder: Path, code: str, ports: tuple[int, ...] | None = ()) -> list[str]:
    """Code that confines itself as our children do, Python's own folders readable."""
    confinement = limits.confinement(folder, ports)
    preamble = f"""
        from sluicegate.media.confine import *
        confine(Confinement(parent={confinement.parent}, folder={str(folder)!r}, cpu_seconds={limits.cpu_seconds},
                memory={limits.memory}, file_size={limits.file_size}, ports={ports!r}), read=readable_by_python())
    """
    return [str(PYTHON), "-I", "-c", textwrap.dedent(preamble) + textwrap.dedent(code)]


def gone(pid: int, within: float = 10) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


async def test_lines_feed_and_exit_code(tmp_path: Path) -> None:
    ending, lines = await run(tmp_path, "import sys; print(sys.stdin.read()); sys.exit(3)", feed=b"hello")

    assert lines == ["hello"]
    assert ending == Ending(code=3, timed_out=False, complaint=b"")


async def test_environment_is_stripped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T21: no secret of ours is in its environment."""
    for name in ("SLUICEGATE_MASTER_KEY", "http_proxy", "https_proxy", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")

    _, lines = await run(tmp_path, "import os; print(sorted(os.environ)); print(os.getcwd())")

    assert lines == ["['HOME', 'LANG', 'PATH', 'TMPDIR', 'YTDLP_NO_PLUGINS']", str(tmp_path)]


async def test_only_named_descriptors_are_inherited(tmp_path: Path) -> None:
    secret = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        _, lines = await run(tmp_path, "import os; print(len([f for f in os.listdir('/proc/self/fd')]))")
    finally:
        os.close(secret)

    assert int(lines[0]) <= 4  # the three standard ones and the listing itself


async def test_wall_time(tmp_path: Path) -> None:
    ending, lines = await run(tmp_path, "import os,time; print(os.getpid(), flush=True); time.sleep(60)", wall=0.5)

    assert ending.timed_out
    assert ending.over_time
    assert gone(int(lines[0]))


async def test_child_that_ignores_the_hint_is_killed(tmp_path: Path) -> None:
    ending, lines = await run(
        tmp_path,
        """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid(), flush=True)
        time.sleep(60)
        """,
        wall=1,
    )

    assert ending.code == -signal.SIGKILL
    assert gone(int(lines[0]))


async def test_cancel_ends_the_whole_group(tmp_path: Path) -> None:
    """T21. Also the grandchild that the child started in its group."""
    pids: list[int] = []
    told = asyncio.Event()

    def on_line(line: bytes) -> None:
        pids.append(int(line))
        if len(pids) == 2:
            told.set()

    code = """
        import os, subprocess, sys, time
        other = subprocess.Popen([sys.executable, "-I", "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
        print(os.getpid(), flush=True); print(other.pid, flush=True)
        time.sleep(60)
    """
    task = asyncio.create_task(
        run_child([str(PYTHON), "-I", "-c", textwrap.dedent(code)], folder=tmp_path, wall_seconds=60, on_line=on_line)
    )
    async with asyncio.timeout(20):
        await told.wait()

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert task.cancelled()
    assert all(gone(pid) for pid in pids)


async def test_callback_that_fails_ends_the_child(tmp_path: Path) -> None:
    pids: list[int] = []

    def on_line(line: bytes) -> None:
        pids.append(int(line))
        raise ValueError("no")

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(ValueError, match="no"):
        await run_child([str(PYTHON), "-I", "-c", code], folder=tmp_path, wall_seconds=60, on_line=on_line)
    assert gone(pids[0])


async def test_output_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(InternalError):
        await run(tmp_path, "print('x' * (3 << 20))")
    ending, _ = await run(tmp_path, "import sys; sys.stderr.write('y' * (1 << 20))")
    assert len(ending.complaint) <= 16 * 1024


async def test_file_size_limit(tmp_path: Path) -> None:
    limits = ChildLimits(wall_seconds=30, cpu_seconds=30, memory=4 << 30, file_size=1 << 20)
    command = confined_code(limits, tmp_path, "open('big', 'wb').write(bytes(8 << 20))")
    ending = await run_child(command, folder=tmp_path, wall_seconds=30, on_line=lambda _: None)

    assert ending.code == 1
    assert b"File too large" in ending.complaint
    assert (tmp_path / "big").stat().st_size <= 1 << 20


async def test_memory_and_processor_limits(tmp_path: Path) -> None:
    """T21."""
    limits = ChildLimits(wall_seconds=30, cpu_seconds=1, memory=1 << 30, file_size=1 << 20)
    hungry = confined_code(limits, tmp_path, "bytearray(3 << 30)")
    busy = confined_code(limits, tmp_path, "while True: pass")

    ending = await run_child(hungry, folder=tmp_path, wall_seconds=30, on_line=lambda _: None)
    assert b"MemoryError" in ending.complaint
    ending = await run_child(busy, folder=tmp_path, wall_seconds=30, on_line=lambda _: None)
    assert ending.over_time
    assert not ending.timed_out


async def test_kernel_walls(tmp_path: Path, site: Site) -> None:
    """T4. Where the kernel has Landlock: no file outside the folder, no connection but to the allowed port."""
    code = f"""
        import socket, os
        def tried(act):
            try:
                act()
            except OSError as error:
                return type(error).__name__
            return "done"
        port = {site.server.server_port}
        print(tried(lambda: open('/etc/passwd')))
        print(tried(lambda: open({str(tmp_path.parent / "x")!r}, 'w')))
        print(tried(lambda: open('inside', 'w')))
        print(tried(lambda: socket.create_connection(('127.0.0.1', port), 5)))
    """
    ask = "from sluicegate.media.landlock import enclose; print(enclose(read=[], write=[], ports=None))"
    version = int(subprocess.run([PYTHON, "-I", "-c", ask], capture_output=True, check=True).stdout)
    outside = "PermissionError" if version else "done"
    network = "PermissionError" if version >= 4 else "done"

    for ports, reached in (((), network), ((site.server.server_port,), "done"), (None, "done")):
        lines: list[str] = []
        await run_child(
            confined_code(ROOMY, tmp_path, code, ports),
            folder=tmp_path,
            wall_seconds=30,
            on_line=lambda line: lines.append(line.decode().strip()),  # noqa: B023
        )
        assert lines == [outside, outside, "done", reached]


def test_enclosing_is_not_inherited_by_accident() -> None:
    """This process itself was never enclosed by the tests above."""
    assert enclose.__module__ == "sluicegate.media.landlock"
    assert Path("/etc/passwd").read_bytes()


async def test_audit_hook_refuses_programs_and_other_addresses(tmp_path: Path, site: Site) -> None:
    """T4: whatever a reader is talked into, it starts no program and connects to the guard alone."""
    ending, lines = await run(
        tmp_path,
        f"""
        import os, socket, subprocess
        from sluicegate.media.extractor.audit import forbid
        forbid("http://127.0.0.1:1")
        def tried(act):
            try:
                act()
            except PermissionError:
                return "refused"
            except OSError as error:
                return type(error).__name__
            return "done"
        print(tried(lambda: subprocess.run(["/bin/true"])))
        print(tried(lambda: os.system("true")))
        print(tried(lambda: os.posix_spawn("/bin/true", ["true"], {{}})))
        print(tried(lambda: os.execv("/bin/true", ["true"])))
        print(tried(lambda: os.fork()))
        print(tried(lambda: socket.create_connection(("127.0.0.1", {site.server.server_port}), 5)))
        print(tried(lambda: socket.getaddrinfo("localhost", 80)))
        print(tried(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 53))))
        print(tried(lambda: socket.create_connection(("127.0.0.1", 1), 5)))
        """,
    )

    assert ending.code == 0, ending.complaint
    assert lines == ["refused"] * 8 + ["ConnectionRefusedError"]


async def test_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    """kill -9 of the server leaves no foreign program behind, though it was started by exec."""
    parent = f"""
        import asyncio, os
        from pathlib import Path
        from sluicegate.media.child import *
        folder = Path({str(tmp_path)!r})
        limits = ChildLimits(wall_seconds=60, cpu_seconds=60, memory=4 << 30, file_size=1 << 20)
        async def main():
            command = confined(limits.confinement(folder, ()), Path("/bin/sh"), ["-c", "echo $$; exec sleep 60"])
            tell = lambda line: print(line.decode(), flush=True)
            await run_child(command, folder=folder, wall_seconds=60, on_line=tell)
        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-c", textwrap.dedent(parent), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        child = int(await process.stdout.readline())
    assert psutil.pid_exists(child)

    process.kill()
    await process.wait()

    assert gone(child)


async def test_child_of_a_dead_parent_does_not_begin(tmp_path: Path) -> None:
    orphan = confined(replace(ROOMY.confinement(tmp_path, ()), parent=1), Path("/bin/echo"), ["alive"])
    lines: list[bytes] = []

    ending = await run_child(orphan, folder=tmp_path, wall_seconds=30, on_line=lines.append)

    assert ending.code == -signal.SIGKILL
    assert lines == []


async def test_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InternalError):
        await run_child(["/nonexistent/program"], folder=tmp_path, wall_seconds=5, on_line=lambda _: None)
