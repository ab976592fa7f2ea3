"""The provider sandbox of a server: runs inside its process, lives in the data folder, is found by commands."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sluicegate.core.errors import InternalError
from sluicegate.core.manifest import Manifest
from sluicegate.settings import Settings

__all__ = ["allowance", "dialect_url", "running_sandbox", "sandbox_server"]

_FOLDER: Final = "sandbox"
_LOCK: Final = "lock"
_ADDRESS: Final = "address"
_TRIES: Final = 40
_PAUSE: Final = 0.05
_ROOTS: Final = {"smokedebrid": "/smokedebrid/v1", "stremthru": "/torrin/v0/store"}
"""Where a dialect begins when the provider has no published address to take it from."""


@asynccontextmanager
async def sandbox_server(settings: Settings) -> AsyncIterator[str]:
    """Runs the sandbox inside the block, or finds the one that another process of this data folder runs.

    Yields:
        Its address, ``http://127.0.0.1:PORT``.

    Raises:
        InternalError: another process has just begun to start it and does not get any further.
    """
    from sluicegate.sandbox.server import SandboxServer  # it loads seven dialects and a web server

    folder = settings.data_dir / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        for _ in range(_TRIES):
            lock = _take(folder, fcntl.LOCK_EX)
            if lock is not None:
                stack.callback(os.close, lock)
                (folder / _ADDRESS).unlink(missing_ok=True)
                async with SandboxServer(folder) as sandbox:
                    _write(folder / _ADDRESS, sandbox.url)
                    yield sandbox.url
                return
            if (url := running_sandbox(settings)) is not None:
                yield url
                return
            await asyncio.sleep(_PAUSE)
        raise InternalError("Another process holds the sandbox's folder, but no sandbox answers.")


def running_sandbox(settings: Settings) -> str | None:
    """The address of the sandbox that a process of this data folder runs, or None."""
    folder = settings.data_dir / _FOLDER
    if not (folder / _LOCK).exists():
        return None
    lock = _take(folder, fcntl.LOCK_SH)
    if lock is not None:
        os.close(lock)
        return None
    try:
        return (folder / _ADDRESS).read_text("ascii").strip() or None
    except FileNotFoundError:
        return None


def allowance(sandbox: str) -> str:
    """The entry for the egress allow-list: this address and port, nothing else."""
    parts = urlsplit(sandbox)
    return f"{parts.hostname}:{parts.port}"


def dialect_url(sandbox: str, manifest: Manifest) -> str:
    """Where a provider's API begins in the sandbox: its own path below its house name."""
    path = f"/{manifest.name}{urlsplit(manifest.base_url).path}" if manifest.base_url else _ROOTS[manifest.name]
    return sandbox + path


def _take(folder: Path, kind: int) -> int | None:
    """A lock that the kernel frees when this process ends, however it ends; None when it is taken."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _write(path: Path, text: str) -> None:
    """Writes it so that a reader sees all of it or nothing."""
    draft = path.with_suffix(".new")
    draft.write_text(text + "\n", "ascii")
    draft.replace(path)
