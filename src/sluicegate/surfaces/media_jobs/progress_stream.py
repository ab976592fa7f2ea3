"""One job followed until it is over: server-sent events with real bytes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from sluicegate.core.errors import NotFound
from sluicegate.core.media_jobs import MediaJob
from sluicegate.core.ports import Change, Changes
from sluicegate.services.media_jobs import MediaJobService
from sluicegate.web.client_watch import ClientGone, ClientWatch

__all__ = ["ProgressStream"]

_HEARTBEAT: Final = 15.0
_STALL: Final = 60.0
_LIFE: Final = 6 * 3600.0
_STILL_HERE: Final = b": still here\n\n"
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class ProgressStream(ASGIResponse):
    """Sends the job as it is, then every change of it; ends with the job, or when the client goes."""

    def __init__(self, changes: Changes, jobs: MediaJobService, job: MediaJob) -> None:
        super().__init__()
        self._changes = changes
        self._jobs = jobs
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follows first and reads then, so that nothing is missed in between."""
        del scope
        async with self._changes.follow(self._job.user_id) as feed:
            with contextlib.suppress(ClientGone, TimeoutError):  # both are an end
                await self._send(feed, receive, send)

    async def _send(self, feed: AsyncIterator[Change], receive: Receive, send: Send) -> None:
        async with ClientWatch(receive, _LIFE), contextlib.aclosing(self._pieces(feed)) as pieces:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async for piece in pieces:
                async with asyncio.timeout(_STALL):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self, feed: AsyncIterator[Change]) -> AsyncGenerator[bytes, None]:
        version = 0
        while True:
            try:
                job = await self._jobs.get(self._job.user_id, self._job.id)
            except NotFound:
                return
            if job.version > version:
                version = job.version
                yield _event(job)
            if job.state.over:
                return
            while not await self._changed(feed):
                yield _STILL_HERE

    async def _changed(self, feed: AsyncIterator[Change]) -> bool:
        """Waits for a change of this job; False when it stays quiet for a while."""
        try:
            async with asyncio.timeout(_HEARTBEAT):
                async for change in feed:
                    if change.subject == self._job.id:
                        return True
        except TimeoutError:
            return False
        return True


def _event(job: MediaJob) -> bytes:
    body = {
        "id": str(job.id),
        "status": job.state.value,
        "step": job.step.value,
        "progress": round(job.progress, 4),
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "speed_mbps": None if job.speed is None else round(job.speed / 1e6, 2),
        "waiting": job.waiting,
        "error": job.error,
    }
    name = b"over" if job.state.over else b"progress"
    return b"event: %s\ndata: %s\n\n" % (name, msgspec.json.encode(body))
