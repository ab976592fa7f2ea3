"""Starting our byte server for a row, and the file that rows serve."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["MIB", "Target", "byte_server", "sample_file", "work_folder"]

MIB = 1024 * 1024
_MATROSKA = bytes.fromhex("1a45dfa3a3428288") + b"matroska"


@dataclass(frozen=True, slots=True)
class Target:
    """Something that serves one file: process id, port, and the path of the file."""

    pid: int
    port: int
    path: str

    def request(self, start: int | None = None, stop: int | None = None) -> bytes:
        """A GET for the whole file, or for bytes ``start`` to ``stop`` (exclusive)."""
        span = b"" if start is None or stop is None else b"Range: bytes=%d-%d\r\n" % (start, stop - 1)
        return b"GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n" % (self.path.encode(), span)


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sluicegate-bench-") as folder:
        yield Path(folder)


def sample_file(folder: Path, size: int) -> Path:
    """A file of incompressible bytes that begins like a film, in the page cache when this returns."""
    path = folder / "film.mkv"
    block = _MATROSKA + os.urandom(MIB - len(_MATROSKA))
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    return path


@contextlib.contextmanager
def byte_server(*arguments: str) -> Iterator[Target]:
    """Our server with the arguments of ``tests.bench.byte_server``, one worker process."""
    command = [sys.executable, "-m", "tests.bench.byte_server", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port, token = _ready(process.stdout)
        yield Target(process.pid, int(port), f"/bytes/{token}/film.mkv")
    finally:
        process.terminate()
        process.wait(15)
        if process.stdout is not None:
            process.stdout.close()


def _ready(output: IO[str]) -> tuple[str, str]:
    for line in output:
        word, *rest = line.split()
        if word == "ready":
            return rest[0], rest[1]
    raise RuntimeError("the byte server does not start")
