"""The provider sandbox of a server: runs inside its process, lives in the data folder, is found by commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from sluicegate.core.errors import InternalError
from sluicegate.core.manifest import Manifest
from sluicegate.settings import Settings
from sluicegate.wiring.told_address import ToldAddress

__all__ = ["allowance", "dialect_url", "running_sandbox", "sandbox_server"]

_FOLDER: Final = "sandbox"
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
    told = ToldAddress(folder)
    for _ in range(_TRIES):
        with told.held() as ours:
            if ours:
                async with SandboxServer(folder) as sandbox:
                    told.tell(sandbox.url)
                    yield sandbox.url
                return
        if (url := told.read()) is not None:
            yield url
            return
        await asyncio.sleep(_PAUSE)
    raise InternalError("Another process holds the sandbox's folder, but no sandbox answers.")


def running_sandbox(settings: Settings) -> str | None:
    """The address of the sandbox that a process of this data folder runs, or None."""
    return ToldAddress(settings.data_dir / _FOLDER).read()


def allowance(sandbox: str) -> str:
    """The entry for the egress allow-list: this address and port, nothing else."""
    parts = urlsplit(sandbox)
    return f"{parts.hostname}:{parts.port}"


def dialect_url(sandbox: str, manifest: Manifest) -> str:
    """Where a provider's API begins in the sandbox: its own path below its house name."""
    path = f"/{manifest.name}{urlsplit(manifest.base_url).path}" if manifest.base_url else _ROOTS[manifest.name]
    return sandbox + path
