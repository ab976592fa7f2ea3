"""Writes a plain media file into a job's folder; after a crash it goes on where the bytes on the disk end.

Bytes are continued only in the same version of the file: a note beside them says which one they are of.
"""

import asyncio
import errno
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from sluicegate.core.errors import SizeMismatch, StorageFull, StorageUnavailable
from sluicegate.core.media import DirectBytes, MediaProgress, OnProgress

__all__ = ["write_whole"]

_BATCH: Final = 256 * 1024
_SLOW_BATCH: Final = 64 * 1024
_SLOW_SECONDS: Final = 0.2
"""Bytes gathered before they are written; fewer when they come slowly, as hundreds of downloads gather at once."""

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class _Version(msgspec.Struct, frozen=True):
    version: str
    size: int | None


async def write_whole(direct: DirectBytes, folder: Path, on_progress: OnProgress) -> Path:
    """The file in ``folder``, whole.

    Raises:
        UpstreamError: its bytes cannot be had.
        SizeMismatch: the host sends more than it promised.
        StorageFull, StorageUnavailable: the disk takes no more.
    """
    path, note = folder / "plain", folder / "plain.version"
    try:
        done = await asyncio.to_thread(_prepare, path, note, direct)
        await _append(path, done, direct, on_progress)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageFull("The disk has no room for this file.") from error
        raise StorageUnavailable("The work folder cannot be used now.") from error
    return path


def _prepare(path: Path, note: Path, direct: DirectBytes) -> int:
    """How many bytes are here already; none when they are of another version, or nobody knows of which."""
    wanted = _Version(direct.version, direct.file.size) if direct.version else None
    try:
        known = msgspec.json.decode(note.read_bytes(), type=_Version)
        done = path.stat().st_size
    except (FileNotFoundError, msgspec.DecodeError):
        known, done = None, 0
    if wanted is not None and known == wanted and done <= (wanted.size or 0):
        return done
    path.unlink(missing_ok=True)
    note.unlink(missing_ok=True)
    if wanted is not None:
        note.write_bytes(msgspec.json.encode(wanted))
    return 0


async def _append(path: Path, done: int, direct: DirectBytes, on_progress: OnProgress) -> None:
    size, start, began = direct.file.size, done, time.monotonic()
    if done == size:
        return
    handle = await asyncio.to_thread(os.open, path, _FLAGS | os.O_APPEND, 0o600)
    batch: list[bytes] = []
    gathered, written = 0, began
    try:
        async for chunk in direct.read(done):
            done, gathered = done + len(chunk), gathered + len(chunk)
            if size is not None and done > size:
                raise SizeMismatch(f"{size} bytes were promised, more arrived.")
            batch.append(chunk)
            now = time.monotonic()
            speed = (done - start) / max(now - began, 1e-3)
            on_progress(MediaProgress(done=done, total=size, speed=speed, fraction=done / size if size else None))
            if gathered >= (_BATCH if now - written < _SLOW_SECONDS else _SLOW_BATCH):
                await _written(handle, batch)
                batch, gathered, written = [], 0, now
        await _written(handle, batch)
    finally:
        os.close(handle)


async def _written(handle: int, batch: list[bytes]) -> None:
    """Even when it is cancelled it waits for the thread, which uses the handle until then."""
    writing = asyncio.ensure_future(asyncio.to_thread(_write, handle, batch))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing})
        raise


def _write(handle: int, batch: list[bytes]) -> None:
    view = memoryview(b"".join(batch))
    while view:
        view = view[os.write(handle, view) :]
