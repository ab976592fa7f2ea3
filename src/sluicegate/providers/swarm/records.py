"""What the engine remembers on disk, one folder per transfer, so that kill -9 costs seconds and never a transfer.

    <folder>/<info hash>.<nonce>/record.json    what was handed in and how far it is
                                 content.json   the file list, once it is known
                                 source.torrent the .torrent, when one was handed in
                                 resume         libtorrent's resume data
                                 data/000000 …  the files, named by index: no name from a torrent ever touches the disk

A folder without ``record.json`` is rubbish. Deleting begins with that file, creating ends with it.
"""

import os
import secrets
import shutil
import time
from enum import StrEnum
from pathlib import Path

import msgspec

from sluicegate.providers.swarm.wire import Add, FileFacts

__all__ = ["Content", "Entry", "Phase", "Record", "Records"]


class Phase(StrEnum):
    """How far a transfer is, as far as that must survive a restart."""

    OPEN = "open"
    READY = "ready"
    FAILED = "failed"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One file: its index in the torrent (padding counted), safe relative path and size in bytes."""

    index: int
    path: str
    size: int

    @property
    def disk_name(self) -> str:
        """Path below the transfer's folder."""
        return f"data/{self.index:06d}"


class Content(msgspec.Struct, frozen=True):
    """What a torrent holds; ``total`` is libtorrent's number of files, padding and links included."""

    name: str
    entries: tuple[Entry, ...]
    total: int


class Record(msgspec.Struct, kw_only=True):
    """One transfer. ``source.torrent`` is kept beside it, not in it; ``words`` explain phase FAILED."""

    source: Add
    folder: str
    added_at: float
    phase: Phase = Phase.OPEN
    words: str = ""
    name: str = ""
    chosen: tuple[int, ...] | None = None

    @property
    def id(self) -> str:
        """The transfer's id."""
        return self.source.info_hash

    def wants(self, index: int) -> bool:
        """True when the file of that index is to be fetched."""
        return self.chosen is None or index in self.chosen

    def facts(self, entry: Entry) -> FileFacts:
        """The file as it goes over the wire."""
        disk = f"{self.folder}/{entry.disk_name}" if self.phase is Phase.READY else ""
        return FileFacts(entry.index, entry.path, entry.size, self.wants(entry.index), disk)


class Records:
    """The folders of all transfers below ``root``. Every write is atomic."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self) -> list[Record]:
        """Every transfer, oldest first; rubbish is deleted on the way."""
        found: dict[str, Record] = {}
        for folder in sorted(self.root.iterdir()):
            if not folder.is_dir():
                continue
            record = self._read(folder)
            if record is None or (record.id in found and found[record.id].added_at >= record.added_at):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if stale := found.get(record.id):
                self.delete(stale)
            found[record.id] = record
        return sorted(found.values(), key=lambda record: record.added_at)

    def create(self, source: Add) -> Record:
        """A new transfer with everything needed to start it again."""
        folder = self.root / f"{source.info_hash}.{secrets.token_hex(4)}"
        (folder / "data").mkdir(parents=True, mode=0o700)
        if source.torrent is not None:
            _write(folder / "source.torrent", source.torrent)
        bare = msgspec.structs.replace(source, torrent=None)
        record = Record(source=bare, folder=folder.name, added_at=time.time(), name=source.name)
        self.save(record)
        return record

    def save(self, record: Record) -> None:
        """Writes the record itself."""
        _write(self.path(record) / "record.json", msgspec.json.encode(record))

    def save_content(self, record: Record, content: Content) -> None:
        """Writes the file list."""
        _write(self.path(record) / "content.json", msgspec.json.encode(content))

    def save_resume(self, record: Record, resume: bytes) -> None:
        """Writes resume data; a transfer that was deleted meanwhile stays deleted."""
        if (self.path(record) / "record.json").exists():
            _write(self.path(record) / "resume", resume)

    def content(self, record: Record) -> Content | None:
        """The file list, None while it is unknown (or unreadable, which is the same)."""
        try:
            return msgspec.json.decode((self.path(record) / "content.json").read_bytes(), type=Content)
        except (OSError, msgspec.MsgspecError):
            return None

    def resume(self, record: Record) -> bytes | None:
        """Resume data, if any."""
        return _read_optional(self.path(record) / "resume")

    def torrent(self, record: Record) -> bytes | None:
        """The ``.torrent`` that was handed in, if one was."""
        return _read_optional(self.path(record) / "source.torrent")

    def path(self, record: Record) -> Path:
        """The transfer's folder."""
        return self.root / record.folder

    def delete(self, record: Record) -> None:
        """Deletes the transfer and its files; a crash in between leaves rubbish, not half a transfer."""
        (self.path(record) / "record.json").unlink(missing_ok=True)
        shutil.rmtree(self.path(record), ignore_errors=True)

    def _read(self, folder: Path) -> Record | None:
        try:
            record = msgspec.json.decode((folder / "record.json").read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError):
            return None
        return record if record.folder == folder.name else None


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _read_optional(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
