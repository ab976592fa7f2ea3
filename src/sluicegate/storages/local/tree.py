"""Walking a folder tree by directory handles, so that a symbolic link inside it is never followed.

Every step opens one name relative to the handle of the step before, with ``O_NOFOLLOW``: swapping a folder for a link
between a check and its use gains nothing, because there is no check.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

__all__ = ["create_folder", "open_folder", "prune", "sync"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def open_folder(root: Path, names: Sequence[str]) -> Iterator[int]:
    """Handle of the folder ``names`` below ``root``. Raises OSError when a part is missing, a file or a link."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            deeper = os.open(name, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = deeper
        yield handle
    finally:
        os.close(handle)


def create_folder(root: Path, names: Sequence[str]) -> None:
    """Makes the folder ``names`` below ``root``, each new level being safe on disk before the next one."""
    for depth, name in enumerate(names):
        with open_folder(root, names[:depth]) as parent, contextlib.suppress(FileExistsError):  # another write made it
            os.mkdir(name, 0o700, dir_fd=parent)
            os.fsync(parent)


def prune(root: Path, names: Sequence[str]) -> None:
    """Removes the folder ``names`` and its parents below ``root`` as far as they are empty."""
    for depth in range(len(names) - 1, -1, -1):
        try:
            with open_folder(root, names[:depth]) as parent:
                os.rmdir(names[depth], dir_fd=parent)
        except OSError:
            return


def sync(path: Path) -> None:
    """Waits until the bytes of the file at ``path`` are on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
