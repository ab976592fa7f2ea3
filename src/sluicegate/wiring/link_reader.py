"""Reading bytes behind a provider's link through the one HTTP client."""

import re
from collections.abc import AsyncGenerator
from typing import Final

from sluicegate.core.errors import ConnectionFailed, LinkExpired, ProtocolError, UpstreamServerError
from sluicegate.core.links import Link
from sluicegate.net.http import Http

__all__ = ["HttpLinkReader"]

_DEAD: Final = frozenset({401, 403, 404, 410})
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class HttpLinkReader:
    """Implements ``services.remote_bytes.LinkReader``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def read(self, link: Link, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """See the port."""
        span = f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"
        async with self._http.stream("GET", link.url, headers=(*link.headers, ("range", span))) as answer:
            if answer.status in _DEAD:
                raise LinkExpired(upstream_code=str(answer.status))
            if answer.status >= 500 or answer.status == 429:
                raise UpstreamServerError(upstream_code=str(answer.status))
            _check(answer.status, answer.headers.get("content-range"), start)
            received = 0
            async for chunk in answer.chunks():
                wanted = chunk if stop is None else chunk[: stop - start - received]
                received += len(wanted)
                yield wanted
                if stop is not None and received >= stop - start:
                    return
        if stop is not None and received < stop - start:
            raise ConnectionFailed("The remote side sent fewer bytes than it promised.")


def _check(status: int, content_range: str | None, start: int) -> None:
    """A 206 must begin where we asked; a 200 is the whole file and fits only when we asked from the beginning."""
    if status == 206:
        match = _RANGE.fullmatch(content_range or "")
        if match is None or int(match[1]) != start:
            raise ProtocolError("The remote side answered another range than asked for.")
    elif status != 200 or start:
        raise ProtocolError(f"The remote side answered {status} to a request for a range.", upstream_code=str(status))
