"""What the downloader remembers on disk, one folder per download, so that kill -9 costs seconds at most.

    <folder>/<id>.<nonce>/state.json   the link, what its host said, and how far each segment is
                          part         the bytes; nothing that a host says ever becomes a name on disk

``state.json`` never claims bytes that are not on the device. A folder without it is rubbish.
"""

import fcntl
import os
import secrets
import shutil
import time
from enum import StrEnum
from pathlib import Path
from typing import IO

import msgspec

from sluicegate.core.errors import UpstreamUnavailable
from sluicegate.providers.direct.headers import Validator
from sluicegate.providers.direct.plan import Segment

__all__ = ["Phase", "Record", "Records"]


class Phase(StrEnum):
    """How far a download is, as far as that must survive a restart."""

    OPEN = "open"
    READY = "ready"
    FAILED = "failed"


class Record(msgspec.Struct, kw_only=True, repr_omit_defaults=True):
    """One download; the fields about the file are as in ``probe.Facts``. ``words`` explain phase FAILED."""

    id: str
    url: str
    folder: str
    added_at: float
    name: str
    size: int | None
    ranges: bool
    validator: Validator
    mime_type: str | None
    segments: list[Segment]
    phase: Phase = Phase.OPEN
    words: str = ""

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return sum(segment.done for segment in self.segments)

    def __repr__(self) -> str:
        return f"Record({self.id})"  # the link may grant access by itself


class Records:
    """The folders of all downloads below ``root``. Every method blocks: call it in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def take(self, patience: float) -> IO[str]:
        """Takes the folder for this process; closing the answer gives it back.

        Raises:
            UpstreamUnavailable: another process holds it, even after ``patience`` seconds.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.root / "downloads.lock").open("w")
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    words = "Another process downloads into the same folder."
                    raise UpstreamUnavailable(words, provider="direct") from None
                time.sleep(0.05)
            else:
                return lock

    def load(self) -> list[Record]:
        """Every download, oldest first; rubbish is deleted on the way."""
        found: dict[str, Record] = {}
        for folder in sorted(path for path in self.root.iterdir() if path.is_dir()):
            record = self._read(folder)
            if record is None or (record.id in found and found[record.id].added_at >= record.added_at):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if stale := found.get(record.id):
                self.delete(stale)
            found[record.id] = record
        return sorted(found.values(), key=lambda record: record.added_at)

    def new_folder(self, transfer_id: str) -> str:
        """Makes the folder of a new download and tells its name."""
        folder = f"{transfer_id}.{secrets.token_hex(4)}"
        (self.root / folder).mkdir(mode=0o700)
        return folder

    def save(self, record: Record) -> None:
        """Writes the state in one step; a download that was deleted meanwhile stays deleted."""
        self.write(record, msgspec.json.encode(record))

    def write(self, record: Record, state: bytes) -> None:
        """As ``save``, with a state that was encoded before."""
        path = self.root / record.folder / "state.json"
        fresh = path.with_suffix(".new")
        if path.parent.is_dir():
            with open(fresh, "wb", opener=_private) as file:
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)

    def part(self, record: Record) -> Path:
        """Where the bytes are."""
        return self.root / record.folder / "part"

    def delete(self, record: Record) -> None:
        """Deletes the download and its bytes; a crash in between leaves rubbish, not half a download."""
        (self.root / record.folder / "state.json").unlink(missing_ok=True)
        shutil.rmtree(self.root / record.folder, ignore_errors=True)

    def _read(self, folder: Path) -> Record | None:
        try:
            record = msgspec.json.decode((folder / "state.json").read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError):
            return None
        return record if record.folder == folder.name else None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
