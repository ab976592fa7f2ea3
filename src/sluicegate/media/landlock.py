"""Landlock: the Linux kernel keeps a child inside its folder and away from the network.

Unprivileged, inherited over exec and impossible to take back. Kernels without it (or containers that filter the
system calls) leave the other walls standing: this one is an addition, never the only one.
Facts: the kernel's userspace-api/landlock documentation; the three system call numbers are equal on all machines.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["enclose"]

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
_RULE_PATH: Final = 1
_RULE_PORT: Final = 2
_PR_SET_NO_NEW_PRIVS: Final = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_FIRST_RIGHTS: Final = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_READ: Final = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_ONLY: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_NO_FOREIGN_SOCKETS, _NO_FOREIGN_SIGNALS = 1 << 0, 1 << 1


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scope", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _PortRule(ctypes.Structure):
    _fields_ = (("rights", ctypes.c_uint64), ("port", ctypes.c_uint64))


def enclose(*, read: Iterable[Path], write: Iterable[Path], ports: Iterable[int] | None) -> int:
    """Leaves this process, for good, only these paths and these TCP ports.

    From version 6 on it can signal no process but its own children either, nor connect to abstract sockets of others.

    Args:
        read: files and folders that may be read and executed; missing ones are passed over.
        write: folders (and devices) in which everything may be done.
        ports: TCP ports that may be connected to, on any host; None leaves the network alone.

    Returns:
        The kernel's Landlock version; 0 when it has none, 1 to 3 when it cannot guard the network.
    """
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    if version < 1:
        return 0
    rights = _FIRST_RIGHTS | sum(
        right for right, since in ((_REFER, 2), (_TRUNCATE, 3), (_IOCTL_DEVICE, 5)) if version >= since
    )
    network = _BIND_TCP | _CONNECT_TCP if version >= 4 and ports is not None else 0
    scope = _NO_FOREIGN_SOCKETS | _NO_FOREIGN_SIGNALS if version >= 6 else 0
    ruleset = _make(libc, _Ruleset(rights, network, scope))
    try:
        for path in read:
            _allow_path(libc, ruleset, path, _READ)
        for path in write:
            _allow_path(libc, ruleset, path, rights)
        for port in ports or () if network else ():
            _allow_port(libc, ruleset, port)
        _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _check(libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)
    return int(version)


def _make(libc: ctypes.CDLL, attributes: _Ruleset) -> int:
    """A kernel takes as much of the attributes as it knows, and more only when the rest is zero."""
    return _check(
        libc.syscall(
            _CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes)), ctypes.c_uint32(0)
        )
    )


def _allow_path(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = _PathRule(rights if path.is_dir() else rights & _FILE_ONLY, folder)
        _check(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH, ctypes.byref(rule), ctypes.c_uint32(0)))
    finally:
        os.close(folder)


def _allow_port(libc: ctypes.CDLL, ruleset: int, port: int) -> None:
    rule = _PortRule(_CONNECT_TCP, port)
    _check(libc.syscall(_ADD_RULE, ruleset, _RULE_PORT, ctypes.byref(rule), ctypes.c_uint32(0)))


def _check(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
