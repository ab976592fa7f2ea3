"""Putting an unpacked backup in the place of an installation, so that a crash leaves no mixture of the two.

The unpacked parts lie in ``restore/`` of the data folder. While ``restore/decided`` is not there, they count for
nothing; from then on they are the installation, and are moved to their places by whoever comes first.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.db.cluster import Cluster
from sluicegate.db.exclusive import nobody_inside

__all__ = ["DECIDED", "STAGED", "settle_restore", "sync_tree_roots", "take_place"]

STAGED: Final = "restore"
DECIDED: Final = "decided"
_OLD: Final = "old"
_PARTS: Final = ("postgres/data", "files", "master.key")
_PATIENCE: Final = 15.0


def settle_restore(data_dir: Path) -> None:
    """Finishes or forgets a restore that was cut short; does nothing when there was none.

    Raises:
        Conflict: a restore is at work right now.
    """
    if (data_dir / STAGED).exists():
        with nobody_inside(data_dir / "postgres", patience=_PATIENCE):
            take_place(data_dir)


def take_place(data_dir: Path) -> None:
    """Moves what is decided to its place, and removes what is not; the caller keeps everybody else out."""
    staged = data_dir / STAGED
    if (staged / DECIDED).exists():
        for part in _PARTS:
            _move(staged, data_dir, part)
            crash_point(CrashPoint.RESTORE_MOVED)
        sync_tree_roots(data_dir)
        (staged / DECIDED).unlink()
    if staged.exists():
        Cluster(staged / "postgres").stop()  # a restore that was killed has left it running
        shutil.rmtree(staged)


def _move(staged: Path, data_dir: Path, part: str) -> None:
    """One part; run again after a crash it goes on where it stopped."""
    new, place, old = staged / part, data_dir / part, staged / _OLD / part
    if not new.exists():
        return
    if place.exists():
        if old.is_dir():
            shutil.rmtree(old)
        old.parent.mkdir(parents=True, exist_ok=True)
        place.rename(old)
    if part == "master.key":
        with suppress(FileNotFoundError):  # there is one only in the midst of a rotation
            (data_dir / "master.key.next").unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    new.rename(place)


def sync_tree_roots(folder: Path) -> None:
    """Makes what was renamed in ``folder`` and its folder of the database survive a power cut."""
    for path in (folder, folder / "postgres", folder / "files"):
        if path.is_dir():
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
