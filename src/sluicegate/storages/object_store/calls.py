"""Requests to a bucket's endpoint through the one HTTP client: bounds on time and size, and faults as core errors."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from sluicegate.core.errors import StorageUnavailable, UpstreamError, UpstreamTimeout
from sluicegate.net.http import Answer, Http, StreamedAnswer
from sluicegate.storages.object_store.bucket import Body

__all__ = ["ANSWER_MAX", "READ_MAX", "Calls"]

ANSWER_MAX: Final = 1024 * 1024
READ_MAX: Final = 1024 * 1024
"""Most bytes of one chunk that a storage hands out (``core.storage``)."""

_STEP: Final = 256 * 1024
_SECONDS: Final = 60.0
_LEAST_SPEED: Final = 32 * 1024
"""Bytes a second: an upload slower than this is broken off."""


class Calls:
    """Sends signed requests; ``http`` is shared and closed by its owner."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: Body | None = None) -> Answer:
        """One request and its whole answer, whatever its status.

        Raises:
            ForbiddenAddress: the guard refuses the endpoint.
            StorageUnavailable: it cannot be reached, breaks off, or does not answer in time.
        """
        size = len(body or b"")
        try:
            return await self._http.request(
                method,
                url,
                headers=dict(headers) | ({"Content-Length": str(size)} if body is not None else {}),
                content=None if body is None else _steps(body) if body else b"",
                timeout=_SECONDS + size / _LEAST_SPEED,
                max_body=ANSWER_MAX,
            )
        except UpstreamError as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[StreamedAnswer]:
        """A GET whose body is read piece by piece. Raises as ``send``; so does reading."""
        try:
            async with self._http.stream("GET", url, headers=dict(headers), follow=0, idle_timeout=_SECONDS) as answer:
                yield answer
        except UpstreamError as error:
            raise _unavailable(error) from error


async def _steps(body: Body) -> AsyncIterator[bytes]:
    """Slices, so that a large body neither blocks the loop nor is copied whole into the socket's buffer."""
    view = memoryview(body)
    for start in range(0, len(body), _STEP):
        yield view[start : start + _STEP]  # type: ignore[misc]  # the client writes any buffer


def _unavailable(error: UpstreamError) -> StorageUnavailable:
    reason = "timeout" if isinstance(error, UpstreamTimeout) else "unreachable"
    return StorageUnavailable(
        f"The storage cannot be reached: {error.detail}", reason=reason, retry_after=error.retry_after
    )
