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

from tests.databases import TEMPLATE, administer

from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.services.vault import AesVault

__all__ = ["EMPTY", "MIGRATED", "open_folder", "place"]

EMPTY = "empty"
"""A server that was started and stopped once, with the settings that everybody has."""
MIGRATED = "migrated"
"""One whose own database, and a second one called ``TEMPLATE``, have the present tables and no rows.

It does not wait for the disk: a power cut is all that it does not survive.
"""

_ROOT = Path(__file__).parents[1]
_KEPT = _ROOT / ".cache" / "databases"


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
    for source in sorted((_ROOT / "src" / "sluicegate" / "db").rglob("*.py")):
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
                await administer(server, f"CREATE DATABASE {TEMPLATE} TEMPLATE postgres")
        draft = folder.with_name(f"{folder.name}.new{os.getpid()}")
        _copy(home / "postgres", draft)
        draft.rename(folder)


if __name__ == "__main__":
    asyncio.run(_make(sys.argv[1], Path(sys.argv[2])))
