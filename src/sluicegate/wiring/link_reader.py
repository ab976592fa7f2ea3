"""Reading bytes behind a provider's link through the one HTTP client."""

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from sluicegate.core.errors import ConnectionFailed, LinkExpired, ProtocolError, UpstreamServerError
from sluicegate.core.links import Link
from sluicegate.net.http import Http

__all__ = ["HttpLinkReader"]

_DEAD: Final = frozenset({401, 403, 404, 410})
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class HttpLinkReader:
    """Implements ``services.remote_bytes.LinkReader``.

    Args:
        http: the client.
        silence: seconds without a byte after which the remote side counts as gone; a player gives up not much later.
    """

    def __init__(self, http: Http, *, silence: float = 12.0) -> None:
        self._http = http
        self._silence = silence

    async def read(
        self, link: Link, start: int, stop: int | None, *, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See the port."""
        span = f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"
        headers = (*link.headers, ("range", span))
        async with self._http.stream("GET", link.url, headers=headers, idle_timeout=self._silence) as answer:
            if answer.status in _DEAD:
                raise LinkExpired(upstream_code=str(answer.status))
            if answer.status >= 500 or answer.status == 429:
                raise UpstreamServerError(upstream_code=str(answer.status))
            _check(answer.status, answer.headers, start, size)
            received = 0
            async for chunk in answer.chunks():
                wanted = chunk if stop is None else chunk[: stop - start - received]
                received += len(wanted)
                yield wanted
                if stop is not None and received >= stop - start:
                    return
        if stop is not None and received < stop - start:
            raise ConnectionFailed("The remote side sent fewer bytes than it promised.")


def _check(status: int, headers: Mapping[str, str], start: int, size: int | None) -> None:
    """A 206 must begin where we asked; a 200 is the whole file and fits only when we asked from the beginning.

    A total that is not the file's is a page or another file, whatever the status says.
    """
    if status == 206:
        match = _RANGE.fullmatch(headers.get("content-range") or "")
        if match is None or int(match[1]) != start:
            raise ProtocolError("The remote side answered another range than asked for.")
        total = match[3]
    elif status == 200 and not start:
        total = headers.get("content-length") or "*"
    else:
        raise ProtocolError(f"The remote side answered {status} to a request for a range.", upstream_code=str(status))
    if size is not None and total.isdecimal() and int(total) != size:
        raise ProtocolError("The remote side has a file of another size behind this link.")
