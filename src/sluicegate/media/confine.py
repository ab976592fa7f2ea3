"""What a child does to itself before it touches anything that strangers made.

Runs inside the child: it dies with its parent, has limits on processor time, memory, file size and open files, yields
to the server's own work, and is shut into its folder. See ``child.py`` for the parent's side.
"""

import ctypes
import os
import resource
import signal
import site
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sluicegate.media.landlock import enclose

__all__ = ["Confinement", "confine", "die_with", "keep_private", "readable_by_python"]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_SYSTEM_FOLDERS: Final = tuple(
    Path(name) for name in ("/usr", "/lib", "/lib64", "/bin", "/etc/ssl", "/etc/pki", "/etc/ca-certificates")
)
_DEVICES: Final = tuple(Path(name) for name in ("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero"))


@dataclass(frozen=True, slots=True)
class Confinement:
    """Limits of one child.

    Attributes:
        parent: process id of the server; a child that finds another parent ends itself.
        folder: the only place where it may write.
        cpu_seconds: processor time over all its threads.
        memory: bytes of address space.
        file_size: bytes of the largest file it may write.
        open_files: file descriptors.
        nice: how far it steps back behind the server.
        ports: TCP ports it may connect to, none when empty; None leaves the network alone.
    """

    parent: int
    folder: str
    cpu_seconds: int
    memory: int
    file_size: int
    open_files: int = 256
    nice: int = 5
    ports: tuple[int, ...] | None = ()


def confine(limits: Confinement, *, read: Iterable[Path]) -> None:
    """Puts the calling process under ``limits``; ``read`` is what it needs beside the system's own folders."""
    die_with(limits.parent)
    os.umask(0o077)
    os.nice(limits.nice)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, spare=5)
    _limit(resource.RLIMIT_FSIZE, limits.file_size)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_AS, limits.memory)
    if enclose(read=(*_SYSTEM_FOLDERS, *read), write=(*_DEVICES, Path(limits.folder)), ports=limits.ports):
        _prctl(_PR_SET_DUMPABLE, 1)


def die_with(parent: int) -> None:
    """Asks the kernel to kill this process when its parent dies, kill -9 included.

    The parent may have died before the kernel was asked: then somebody else has adopted this process.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def keep_private() -> None:
    """Closes this process's memory and descriptors to all others of the same user, its children included.

    Forks of it are closed as well, until ``confine`` opens them again: Landlock keeps them apart then.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def readable_by_python() -> tuple[Path, ...]:
    """Folders that this interpreter imports from, ours included."""
    return tuple({Path(name) for name in (*sys.path, *site.getsitepackages(), sys.prefix, sys.base_prefix) if name})


def _limit(kind: int, value: int, *, spare: int = 0) -> None:
    """Sets the soft limit and, ``spare`` above it, the hard one; a harder one that is already there stays.

    At the soft limit of processor time the kernel sends a signal that names the cause, at the hard one it kills.
    """
    _, hard = resource.getrlimit(kind)
    most = value + spare if hard == resource.RLIM_INFINITY else min(value + spare, hard)
    # Darwin refuses some limits outright; the parent's wall-time limit holds everywhere.
    try:
        resource.setrlimit(kind, (min(value, most), most))
    except (OSError, ValueError):
        if sys.platform.startswith("linux"):
            raise


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
