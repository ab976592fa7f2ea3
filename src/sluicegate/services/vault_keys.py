"""Where the master key comes from: a file in the data folder, or the settings; during a rotation there are two.

The new key lies beside the old one (``master.key.next``, or ``SLUICEGATE_MASTER_KEY_NEXT``) while values are sealed
anew.
Whoever finds two seals with the new one and opens with both; so servers that run go on during a rotation.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import Conflict, InternalError, InvalidInput

__all__ = ["KEY_BYTES", "WRONG_KEY", "GivenKeys", "KeyFiles", "MasterKeys", "alone", "parse_key", "write_key"]

KEY_BYTES: Final = 32
WRONG_KEY: Final = (
    "Start with the master key this installation was set up with (SLUICEGATE_MASTER_KEY or master.key in the data "
    "folder), or restore the backup that belongs to this key."
)


class MasterKeys(Protocol):
    """The master keys of an installation."""

    def read(self) -> tuple[bytes, ...]:
        """The keys, 32 bytes each, newest first: one, or two during a rotation.

        Raises:
            InternalError: there is none, or one is malformed.
        """
        ...

    def stamp(self) -> object:
        """Equal to the last one unless the keys may have changed; cheap enough to ask before every use."""
        ...

    def begin(self) -> None:
        """Puts a new key beside the old one, unless a rotation that was cut short has left one there.

        Raises:
            InvalidInput: the new key must be given by the operator, and is not.
        """
        ...

    def finish(self) -> str:
        """Makes the new key the only one; returns what the operator still has to do, empty when nothing."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class GivenKeys:
    """Keys from the settings; only the operator can change them."""

    current: bytes
    following: bytes | None = None

    def read(self) -> tuple[bytes, ...]:
        """See ``MasterKeys``."""
        return (self.current,) if self.following is None else (self.following, self.current)

    def stamp(self) -> object:
        """See ``MasterKeys``: they stay as they are."""
        return None

    def begin(self) -> None:
        """See ``MasterKeys``."""
        if self.following is None or self.following == self.current:
            raise InvalidInput(
                "The master key is given by SLUICEGATE_MASTER_KEY, and no other one by SLUICEGATE_MASTER_KEY_NEXT.",
                action="Set SLUICEGATE_MASTER_KEY_NEXT to 64 new hexadecimal characters ('openssl rand -hex 32') for "
                "every server and for this command, restart the servers, and run this again.",
            )

    def finish(self) -> str:
        """See ``MasterKeys``."""
        return (
            "Now set SLUICEGATE_MASTER_KEY to the value of SLUICEGATE_MASTER_KEY_NEXT, remove the latter, and restart "
            "the servers."
        )


class KeyFiles:
    """Keys in files: ``path``, and ``path`` with ``.next`` behind it during a rotation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = path.with_name(path.name + ".next")

    def ensure(self) -> None:
        """Makes the first key of a new installation."""
        if not self._path.exists() and not self._next.exists():
            write_key(self._path, secrets.token_bytes(KEY_BYTES))

    def read(self) -> tuple[bytes, ...]:
        """See ``MasterKeys``."""
        keys = tuple(key for path in (self._next, self._path) if (key := _read(path)) is not None)
        if not keys:
            raise InternalError("The master key's file is gone.", action=WRONG_KEY)
        return keys

    def stamp(self) -> object:
        """See ``MasterKeys``: identity and time of change of both files."""
        return _stamp(self._next), _stamp(self._path)

    def begin(self) -> None:
        """See ``MasterKeys``."""
        if not self._next.exists():
            write_key(self._next, secrets.token_bytes(KEY_BYTES))

    def finish(self) -> str:
        """See ``MasterKeys``: one rename, so that a crash leaves the old state or the new one."""
        crash_point(CrashPoint.SEALED_ANEW)
        self._next.replace(self._path)
        _sync(self._path.parent)
        return ""


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Holds ``lock``, which the kernel frees when this process ends.

    Raises:
        Conflict: another process holds it.
    """
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict("Another rotation is at work on this installation.", action="Wait until it has ended.") from None
    finally:
        os.close(handle)


def parse_key(text: str) -> bytes:
    """A master key from its 64 hexadecimal characters. Raises InternalError for anything else."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InternalError("The master key must be 64 hexadecimal characters.", action=WRONG_KEY)
    return key


def write_key(path: Path, key: bytes) -> None:
    """Writes a key unless there is one: a crash leaves no file or a whole one, and two first starts agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):  # another process was first: its key is the key
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync(path.parent)


def _read(path: Path) -> bytes | None:
    try:
        return parse_key(path.read_text("ascii", errors="replace"))
    except FileNotFoundError:
        return None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _sync(folder: Path) -> None:
    """Makes a rename in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
