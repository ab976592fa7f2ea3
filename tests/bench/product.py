"""The whole product for a row: ``sluicegate serve`` on a fresh data folder, with its embedded database."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

__all__ = ["COMMAND", "Product", "data_folder", "environment", "serving"]

COMMAND = str(Path(sys.executable).parent / "sluicegate")
_SETTINGS = {
    "SLUICEGATE_EGRESS_ALLOW": "127.0.0.0/8",
    "SLUICEGATE_SWARM_LISTEN": "127.0.0.1:0",
    "SLUICEGATE_SWARM_DHT": "false",
}


def environment() -> dict[str, str]:
    """What a process of the product is started with."""
    return os.environ | _SETTINGS


@dataclass(frozen=True, slots=True)
class Product:
    """A running server: where it answers, its process, and a library key."""

    url: str
    pid: int
    data: Path
    key: str = field(repr=False)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """A JSON call to the library API."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        raw = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, method=method, headers=headers, data=raw)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def memory(self) -> tuple[int, int]:
        """Bytes of the server, the database and all their children: (resident, proportional).

        The resident sum counts pages that processes share, above all PostgreSQL's buffers, once for each of them.
        """
        postmaster = int((self.data / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        roots = [psutil.Process(self.pid), psutil.Process(postmaster)]
        family = {*roots, *(child for root in roots for child in root.children(recursive=True))}
        infos = [one.memory_full_info() for one in family]
        return sum(info.rss for info in infos), sum(info.pss for info in infos)


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    """A folder for one installation that the database's own user can reach."""
    home = Path(tempfile.mkdtemp(prefix="sluicegate-bench-"))
    try:
        yield home / "data"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def serving(data: Path, *options: str) -> Iterator[Product]:
    """Starts the server, with more ``options``, makes a key on the first start, and stops it in order."""
    with (data.parent / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [COMMAND, "serve", "--data-dir", str(data), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            text=True,
        )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        yield Product(url, process.pid, data, _key(data))
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def _key(data: Path) -> str:
    kept = data.parent / "key"
    if not kept.exists():
        command = [COMMAND, "keys", "create", "--user", "home", "--data-dir", str(data)]
        kept.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return kept.read_text().strip()
