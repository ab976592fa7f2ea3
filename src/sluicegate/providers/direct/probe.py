"""The first look at a link: one byte by GET, because many hosts refuse HEAD or answer it wrongly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sluicegate.core.errors import (
    FileGone,
    ProtocolError,
    SourceRejected,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamServerError,
)
from sluicegate.net.http import Http
from sluicegate.providers.direct.headers import (
    Validator,
    content_range,
    declared_length,
    file_name,
    retry_after,
    validator,
)

__all__ = ["Facts", "probe", "refusal"]

_NAME: Final = "direct"
_REFUSED: Final = frozenset({401, 402, 403, 407, 451})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a host says about a file.

    Attributes:
        name: safe file name.
        size: bytes, None when the host does not say.
        ranges: whether it sends parts on request.
        validator: what identifies this version.
        mime_type: as the host says, or None.
    """

    name: str
    size: int | None
    ranges: bool
    validator: Validator
    mime_type: str | None


async def probe(http: Http, url: str, *, idle_timeout: float) -> Facts:
    """Asks for the first byte.

    Raises:
        FileGone, SourceRejected, UpstreamRateLimited, UpstreamServerError, ProtocolError: what the status says.
        ForbiddenAddress, UpstreamTimeout, ConnectionFailed: there was no status.
    """
    async with http.stream(
        "GET", url, headers=(("Range", "bytes=0-0"),), idle_timeout=idle_timeout, provider=_NAME
    ) as answer:
        if answer.status == 206:
            return _partial(answer.headers, answer.url)
        if answer.status == 200:
            return _whole(answer.headers, answer.url)
        if answer.status != 416:
            raise refusal(answer.status, answer.headers)
        told = content_range(answer.headers)
        if told is not None and told.total == 0:
            return _facts(answer.headers, answer.url, 0, ranges=False)
    # A host that cannot even give the first byte of a file that is not empty does not understand ranges.
    async with http.stream("GET", url, idle_timeout=idle_timeout, provider=_NAME) as answer:
        if answer.status != 200:
            raise refusal(answer.status, answer.headers)
        return _whole(answer.headers, answer.url)


def refusal(status: int, headers: Mapping[str, str]) -> UpstreamError:
    """The error for a status that brings no bytes."""
    code = str(status)
    wait = retry_after(headers)
    if status in {404, 410}:
        return FileGone(f"The host has no such file any more (status {status}).", provider=_NAME, upstream_code=code)
    if status in _REFUSED:
        return SourceRejected(
            f"The host does not hand out this file without signing in, or not from here (status {status}).",
            provider=_NAME,
            upstream_code=code,
            action="Get a fresh link, or one that needs no sign-in.",
        )
    if status == 429:
        words = "The host asks for fewer requests."
        return UpstreamRateLimited(words, provider=_NAME, upstream_code=code, retry_after=wait)
    if status >= 500 or status == 408:
        words = f"The host has a fault of its own (status {status})."
        return UpstreamServerError(words, provider=_NAME, upstream_code=code, retry_after=wait)
    if 400 <= status < 500:
        words = f"The host refuses this link (status {status})."
        return SourceRejected(words, provider=_NAME, upstream_code=code, action="Check the link in a browser.")
    return ProtocolError(
        f"The host answered status {status}, which brings no file.", provider=_NAME, upstream_code=code
    )


def _partial(headers: Mapping[str, str], url: str) -> Facts:
    told = content_range(headers)
    if told is None or told.first != 0:
        raise ProtocolError(
            "The host answered another range than the one asked for.", provider=_NAME, upstream_code="206"
        )
    return _facts(headers, url, told.total, ranges=told.total is not None)


def _whole(headers: Mapping[str, str], url: str) -> Facts:
    return _facts(headers, url, declared_length(headers), ranges=False)


def _facts(headers: Mapping[str, str], url: str, size: int | None, *, ranges: bool) -> Facts:
    mime_type = headers.get("content-type", "").partition(";")[0].strip().lower() or None
    return Facts(file_name(headers, url), size, ranges, validator(headers), mime_type)
