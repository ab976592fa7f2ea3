"""Folders that the database's own user can reach, and databases that need not be made anew in them.

Making a database folder and bringing it to the present shape costs two seconds of processor time, which is more than
most tests need for what they test. It is done once for each state of the code and copied. The tests of the roles and
of the database itself still make theirs, as a user's first start does.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.databases import administer

from sluicegate.db.cluster import installation
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.os_user import server_user
from sluicegate.services.vault import AesVault

__all__ = ["EMPTY", "MIGRATED", "open_folder", "place"]

EMPTY = "empty"
"""A server that was started and stopped once, with the settings that everybody has."""
MIGRATED = "migrated"
"""One whose database has the present tables and no rows; it is half as large as it would be.

It does not wait for the disk: a power cut is all that it does not survive. The databases that others are made from are
left out, and what was written to its log before.
"""

_ROOT = Path(__file__).parents[1]
_KEPT = _ROOT / ".cache" / "databases"
_LOG_PAGE_BYTES = 8192


@contextmanager
def open_folder() -> Iterator[Path]:
    """An empty folder that the database's own user can reach; pytest closes its ``tmp_path`` to everybody else."""
    folder = Path(tempfile.mkdtemp(prefix="sluicegate-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def place(home: Path, kind: str = MIGRATED) -> None:
    """Makes ``home`` the folder of an embedded server, not running, as if the product had used it before."""
    original = await asyncio.to_thread(_made, kind)
    home.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    await asyncio.to_thread(_copy, original, home)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


def _made(kind: str) -> Path:
    """The original, made by the first test process that comes here."""
    folder = _KEPT / f"{kind}-{_state()}"
    if not folder.exists():
        _KEPT.mkdir(parents=True, exist_ok=True)
        with (_KEPT / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                for outdated in _KEPT.glob(f"{kind}-*"):
                    shutil.rmtree(outdated)
                # It has a loop of its own, and this process has one already.
                subprocess.run([sys.executable, "-m", "tests.ready_made", kind, folder], check=True, cwd=_ROOT)
    return folder


@cache
def _state() -> str:
    """A name for all that shapes a database: our code, and the versions of everything else."""
    digest = hashlib.sha256((_ROOT / "requirements.lock").read_bytes())
    for source in (Path(__file__), *sorted((_ROOT / "src" / "sluicegate" / "db").rglob("*.py"))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


async def _make(kind: str, folder: Path) -> None:
    with open_folder() as home:
        async with EmbeddedPostgres(home / "postgres") as postgres:
            server = Connector(embedded=postgres)
            if kind == MIGRATED:
                await administer(server, "ALTER SYSTEM SET fsync = off")
                async with open_at(server, AesVault(bytes(32))):
                    pass
                await administer(server, "UPDATE pg_database SET datistemplate = false")
                for name in ("template0", "template1"):
                    await administer(server, f"DROP DATABASE {name}")
        if kind == MIGRATED:
            _forget_log(home / "postgres" / "data")
        draft = folder.with_name(f"{folder.name}.new{os.getpid()}")
        _copy(home / "postgres", draft)
        draft.rename(folder)


def _forget_log(data: Path) -> None:
    """Gives a server that does not run a new log: one page, and a hole that takes no room for the rest of the file."""
    user = server_user(data)
    command = (installation() / "bin" / "pg_resetwal", "-D", data)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **(user.switch() if user else {}))
    (segment,) = (data / "pg_wal").glob("0*")
    raw = segment.read_bytes()
    if any(raw[_LOG_PAGE_BYTES:]):
        raise AssertionError("The new log has more than one page.")
    os.truncate(segment, _LOG_PAGE_BYTES)
    os.truncate(segment, len(raw))


if __name__ == "__main__":
    asyncio.run(_make(sys.argv[1], Path(sys.argv[2])))
