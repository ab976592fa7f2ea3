"""What survives a kill -9: append-only logs of JSON lines, written through to the operating system at once."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = ["Journal", "LineLog"]

_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder().decode
_GARBAGE_LINES: Final = 50_000


class LineLog:
    """A file of JSON values, one a line; without a path it keeps nothing.

    A line is one ``write`` to the kernel, so a killed process loses at most the line it was writing; a torn or foreign
    line is passed over when reading. Nothing is synced to the disk: a power cut is not among the sandbox's promises.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._handle: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = self._open(path)

    @staticmethod
    def _open(path: Path) -> int:
        return os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def append(self, value: object) -> None:
        """Add one line."""
        if self._handle is not None:
            os.write(self._handle, _ENCODE(value) + b"\n")

    def read(self) -> Iterator[Any]:
        """Every readable line, oldest first."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(msgspec.DecodeError):  # the last line, when a kill cut it
                    yield _DECODE(line)

    def rewrite(self, values: Iterable[object]) -> None:
        """Replace all lines; the old file stays until the new one is whole."""
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as out:
            out.writelines(_ENCODE(value) + b"\n" for value in values)
        fresh.replace(self._path)
        self.close()
        self._handle = self._open(self._path)

    def close(self) -> None:
        """Give the file back; appending after this keeps nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class Journal:
    """Tables of JSON values by key, the last write of a key counting; ``path`` None keeps them in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._log = LineLog(path)
        self._tables: dict[str, dict[str, Any]] = {}
        for line in self._log.read():
            if isinstance(line, list) and len(line) == 3:
                self._apply(*line)
        self._garbage = 0
        self._log.rewrite(self._lines())

    def table(self, name: str) -> dict[str, Any]:
        """The rows of one table as they were kept, by key."""
        return dict(self._tables.get(name, {}))

    def put(self, table: str, key: str, value: object) -> None:
        """Keep ``value`` (anything msgspec can encode) as the row ``key``."""
        self._write(table, key, msgspec.to_builtins(value))

    def drop(self, table: str, key: str) -> None:
        """Forget a row; a missing one is fine."""
        if key in self._tables.get(table, {}):
            self._write(table, key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._tables.clear()
        self._log.rewrite(())

    def close(self) -> None:
        """Give the file back."""
        self._log.close()

    def _write(self, table: str, key: str, value: object) -> None:
        self._apply(table, key, value)
        self._log.append([table, key, value])
        self._garbage += 1
        if self._garbage > _GARBAGE_LINES + 4 * sum(map(len, self._tables.values())):
            self._garbage = 0
            self._log.rewrite(self._lines())

    def _apply(self, table: str, key: str, value: object) -> None:
        rows = self._tables.setdefault(table, {})
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value

    def _lines(self) -> Iterator[list[Any]]:
        for table, rows in self._tables.items():
            for key, value in rows.items():
                yield [table, key, value]
