"""Whether a finished file on this machine may pass into a storage."""

import stat
from pathlib import Path

from sluicegate.core.errors import InvalidInput, SizeMismatch

__all__ = ["is_adoptable"]


def is_adoptable(path: Path, size: int) -> bool:
    """False when the file is gone, as after an adoption before. Looks at the disk: call it in a thread.

    Raises:
        InvalidInput: it is no regular file; a link may lead anywhere.
        SizeMismatch: it has not ``size`` bytes.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput("Only a regular file can be adopted.", field="path")
    if found.st_size != size:
        raise SizeMismatch(f"{size} bytes were promised, the file has {found.st_size}.")
    return True
