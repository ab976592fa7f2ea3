"""The byte server in a process of its own, as it is mounted in the product, with playback over one file.

``python -m tests.bench.byte_server local PATH`` or ``… remote URL SIZE``; prints ``ready PORT TOKEN``. The database is
left out: a link of a hot file is resolved from memory here, and what is measured is the way of the bytes.
"""

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

import uvicorn
import uvloop
from litestar import Litestar

from sluicegate.core.byte_source import ByteSource, StoredBytes
from sluicegate.core.clock import SystemClock
from sluicegate.core.links import Link
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import open_http
from sluicegate.services.remote_bytes import RemoteBytes
from sluicegate.storages.local import LocalStorage
from sluicegate.surfaces.bytes.routes import router
from sluicegate.web.server import server_config
from sluicegate.web.signing import Grant, TokenSigner
from sluicegate.wiring.link_reader import HttpLinkReader

__all__ = ["main"]


class _Shelf:
    def __init__(self, source: ByteSource) -> None:
        self._source = source

    async def open(self, user_id: UUID, job_kind: str, job_id: UUID, file_id: str) -> ByteSource:
        return self._source


async def main(mode: str, place: str, size: int) -> None:
    """Serves until it is terminated."""
    async with AsyncExitStack() as stack:
        if mode == "local":
            path = Path(place)
            storage = LocalStorage(path.parent)
            source: ByteSource = StoredBytes(storage, await storage.stat(path.name), path.name)
        else:
            source = await _remote(stack, place, size)
        signer = TokenSigner([os.urandom(32)], SystemClock())
        app = Litestar([router(_Shelf(source), signer)], logging_config=None, openapi_config=None)
        server = uvicorn.Server(server_config(app))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        grant = Grant(uuid4(), "job", uuid4(), str(uuid4()), int(time.time()) + 86_400)
        print(f"ready {port} {signer.sign(grant)}", flush=True)
        await serving


async def _remote(stack: AsyncExitStack, url: str, size: int) -> ByteSource:
    http = await stack.enter_async_context(open_http(EgressPolicy.parse("127.0.0.0/8")))
    return RemoteBytes("film.mkv", size, None, "v1", _OneOrigin(Link(url)), HttpLinkReader(http))


class _OneOrigin:
    """One account with one link that never dies."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def best(self) -> "_OneOrigin":
        return self

    async def other(self, failed: object) -> None:
        del failed

    async def link(self) -> Link:
        return self._link

    def expire(self, link: Link) -> None:
        del link


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0))
