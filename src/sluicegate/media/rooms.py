"""Private work folders, one per media job."""

import asyncio
import contextlib
import os
import shutil
import stat
import time
from collections.abc import Container
from pathlib import Path
from typing import Final
from uuid import UUID

from sluicegate.core.errors import StorageFull, UnsafeSource

__all__ = ["WorkRooms"]

_YOUNG_SECONDS: Final = 60.0


class WorkRooms:
    """Makes and removes the folders ``<root>/<job id>``, each readable by this user only.

    A folder outlives a crash on purpose (the job goes on in it) and is removed when its job is over.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, job_id: UUID) -> Path:
        """The job's folder, made if need be.

        Raises:
            UnsafeSource: something that is not a folder of ours is in its place.
            StorageFull: it cannot be made.
        """
        path = self._root / str(job_id)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError as error:
            raise UnsafeSource("The job's work folder is taken by a file.") from error
        except OSError as error:
            raise StorageFull("The job's work folder cannot be made.") from error
        facts = path.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise UnsafeSource("The job's work folder is not a folder of this server.")
        path.chmod(0o700)
        return path

    async def remove(self, job_id: UUID) -> None:
        """Deletes the job's folder with everything in it; fine when there is none."""
        await asyncio.to_thread(shutil.rmtree, self._root / str(job_id), ignore_errors=True)

    async def sweep(self, keep: Container[UUID]) -> int:
        """Deletes the folders of all jobs that are not in ``keep``; whatever is not a job's folder stays.

        So does a folder that was changed within the last minute: its job may be newer than ``keep``.
        """
        left = [job_id for job_id in await asyncio.to_thread(self._jobs) if job_id not in keep]
        for job_id in left:
            await self.remove(job_id)
        return len(left)

    def _jobs(self) -> list[UUID]:
        if not self._root.is_dir():
            return []
        found: list[UUID] = []
        for entry in os.scandir(self._root):
            with contextlib.suppress(ValueError, FileNotFoundError):  # not ours, or just removed
                if entry.stat(follow_symlinks=False).st_mtime < time.time() - _YOUNG_SECONDS:
                    found.append(UUID(entry.name))
        return found
