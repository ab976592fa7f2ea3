"""Reading feeds, blocklists and metadata through the one HTTP client, conditionally and within bounds."""

from typing import Final
from urllib.parse import urljoin

from sluicegate.core.documents import Document, NotChanged, Redirected
from sluicegate.core.errors import (
    FileGone,
    ProtocolError,
    SluicegateError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamServerError,
)
from sluicegate.net.http import Answer, Http

__all__ = ["HttpDocumentReader"]

_HOPS_MAX: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_VALIDATOR_MAX: Final = 500
"""Longer ones are not worth keeping; the document is then read whole."""


class HttpDocumentReader:
    """Implements ``core.documents.DocumentReader``."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def read(
        self,
        url: str,
        *,
        limit: int,
        seconds: float,
        accept: str = "*/*",
        etag: str = "",
        last_modified: str = "",
    ) -> Document | NotChanged | Redirected:
        """See the port. Redirects are followed here, as one may lead to a magnet."""
        headers = {"Accept": accept}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        for _ in range(_HOPS_MAX + 1):
            answer = await self._http.request("GET", url, headers=headers, timeout=seconds, max_body=limit)
            place = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not place:
                return _document(answer, conditional=bool(etag or last_modified))
            if place.lower().startswith("magnet:"):
                return Redirected(place)
            url = _joined(answer.url, place)
            await self._http.egress.check_hop(url)
        raise ProtocolError("The address redirects too often.", action="Use the address that it leads to.")


def _document(answer: Answer, *, conditional: bool) -> Document | NotChanged:
    if answer.status == 304 and conditional:
        return NotChanged()
    if not answer.ok:
        raise _refusal(answer)
    etag, modified = (answer.headers.get(name, "").strip() for name in ("etag", "last-modified"))
    return Document(
        answer.body,
        etag if len(etag) <= _VALIDATOR_MAX and etag.isprintable() else "",
        modified if len(modified) <= _VALIDATOR_MAX and modified.isprintable() else "",
        answer.headers.get("content-type", ""),
    )


def _refusal(answer: Answer) -> SluicegateError:
    status, code = answer.status, str(answer.status)
    if status in {401, 403}:
        return UpstreamError(
            f"The address refuses us with status {status}.",
            upstream_code=code,
            action="Check the key or pass in the address.",
        )
    if status in {404, 410}:
        return FileGone(f"There is nothing at this address (status {status}).", action="Check the address.")
    if status == 429:
        return UpstreamRateLimited("The address asks for fewer calls.", retry_after=answer.retry_after)
    if status >= 500:
        return UpstreamServerError(
            f"The remote side reports a fault of its own (status {status}).",
            upstream_code=code,
            retry_after=answer.retry_after,
        )
    return ProtocolError(f"The address answers with status {status}.", upstream_code=code)


def _joined(base: str, place: str) -> str:
    try:
        return urljoin(base, place)
    except ValueError:
        raise ProtocolError("The address redirects to something that is no address.") from None
