"""The operating system user that the embedded PostgreSQL runs as: it refuses to run as root."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["OsUser", "let_read", "let_through", "server_user"]

_NAME: Final = "sluicegate"
_FALLBACK: Final = "nobody"
_ADD_USER: Final = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME)
_ADD_USER_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class OsUser:
    """A user to switch to."""

    uid: int
    gid: int

    def switch(self) -> dict[str, Any]:
        """Keyword arguments that make ``subprocess`` run a child as this user, without our supplementary groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user(data: Path) -> OsUser | None:
    """Whom the server that owns ``data`` must run as; None when that is ourselves.

    Root uses the owner of an existing ``data``, else a system user made for the purpose, else ``nobody`` (where users
    cannot be added, as in a container with a read-only root).
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return OsUser(owner.st_uid, owner.st_gid)
    entry = _entry(_NAME) or _add_user() or pwd.getpwnam(_FALLBACK)
    return OsUser(entry.pw_uid, entry.pw_gid)


def let_through(path: Path, user: OsUser) -> None:
    """Lets ``user`` pass the folders above ``path``: search permission only, so that nothing can be listed."""
    for folder in path.resolve().parents:
        status = folder.stat()
        if not _may(status, user, stat.S_IXUSR):
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)


def let_read(tree: Path, user: OsUser) -> None:
    """Lets ``user`` read and run what is installed under ``tree`` (a strict umask leaves it to its owner alone)."""
    for path in (tree, *tree.rglob("*")):
        status = path.stat()
        wanted = stat.S_IROTH | (stat.S_IXOTH if status.st_mode & stat.S_IXUSR else 0)
        if not _may(status, user, stat.S_IRUSR):
            path.chmod(stat.S_IMODE(status.st_mode) | wanted)


def _may(status: os.stat_result, user: OsUser, owner_bit: int) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & owner_bit)
    if status.st_gid == user.gid:
        return bool(status.st_mode & owner_bit >> 3)
    return bool(status.st_mode & owner_bit >> 6)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _add_user() -> pwd.struct_passwd | None:
    """Two processes may do this at once: the loser fails and finds the winner's user."""
    command = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if command is None:
        return None
    subprocess.run(  # noqa: S603 - fixed arguments, absolute path
        (command, *_ADD_USER), check=False, capture_output=True, timeout=_ADD_USER_SECONDS
    )
    return _entry(_NAME)
