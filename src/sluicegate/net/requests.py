"""Requests as values: how they are put together, and what is left of them after a redirect."""

import base64
import re
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlencode, urljoin, urlsplit

import msgspec

from sluicegate.core.errors import InvalidInput, ProtocolError
from sluicegate.core.secrets import Secret
from sluicegate.net.targets import Target, read_authority

__all__ = [
    "Body",
    "HeaderPairs",
    "Part",
    "Proxy",
    "Request",
    "encode",
    "names_in",
    "plain_bytes",
    "read_proxy",
    "redirected",
    "with_query",
]

HeaderPairs = Mapping[str, str] | Iterable[tuple[str, str]]

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_UNSAFE_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_KEEPS_METHOD: Final = frozenset({307, 308})

_TRAVELS: Final = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "cache-control", "if-modified-since", "if-none-match",
        "if-range", "range", "user-agent",
    }
)  # fmt: skip
"""Headers that follow a redirect to another origin. Everything else stays behind: a header of an unknown name may be a
credential, and one that should not have been sent cannot be taken back."""

_PLAIN_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
"""HEAD is none: whether a body follows its answer cannot be told from the answer."""
_BODILESS_METHODS: Final = frozenset({"GET"})

_FRAMES_MESSAGE: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)

_DESCRIBES_BODY: Final = frozenset({"content-type", "content-length", "content-encoding"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart form.

    Attributes:
        name: field name.
        content: text for a plain field; bytes, or a source of bytes that can be sent once, for a file.
        filename: a file field has one.
    """

    name: str
    content: str | bytes | AsyncIterable[bytes] = field(repr=False)
    filename: str | None = None
    content_type: str | None = None


Body = bytes | AsyncIterable[bytes] | tuple[Part, ...] | None


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is ready to be sent to its target."""

    method: str
    target: Target
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: Body = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An egress proxy: an http or https URL, and the value of its ``Proxy-Authorization`` when it wants one."""

    scheme: str
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL without the credential."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def encode(
    headers: HeaderPairs,
    *,
    json: object = None,
    form: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
    multipart: Sequence[Part] | None = None,
    content: bytes | AsyncIterable[bytes] | None = None,
) -> tuple[tuple[tuple[str, str], ...], Body]:
    """Checked headers and the body of a request; at most one kind of body may be given.

    Raises:
        InvalidInput: a header that is not one line of text.
    """
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
    for name, value in pairs:
        if not _TOKEN.fullmatch(name) or _UNSAFE_VALUE.search(value):
            raise InvalidInput(f"The request header '{name[:40]!a}' is not a valid line.")
    kind: str | None = None
    body: Body = content
    if json is not None:
        kind, body = "application/json", msgspec.json.encode(json)
    elif form is not None:
        kind, body = "application/x-www-form-urlencoded", urlencode(form, doseq=True).encode()
    elif multipart is not None:
        body = tuple(multipart)
    if kind is not None and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs += (("Content-Type", kind),)
    return pairs, body


def plain_bytes(request: Request) -> bytes | None:
    """The whole request as it goes onto the wire; None for one that needs more than writing it down.

    Those are uploads from a source, forms of several parts, rare methods, and requests that speak about their own
    framing.
    """
    body = request.body
    if request.method not in _PLAIN_METHODS or not (body is None or isinstance(body, bytes)):
        return None
    known = names_in(request.headers)
    if not known.isdisjoint(_FRAMES_MESSAGE):
        return None
    _, _, authority, path = request.target.url.split("/", 3)
    lines = [f"{request.method} /{path} HTTP/1.1\r\nHost: {authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if body is not None or request.method not in _BODILESS_METHODS:
        lines.append(f"Content-Length: {len(body or b'')}")
    if body is not None and "content-type" not in known:
        lines.append("Content-Type: application/octet-stream")
    lines.append("\r\n")
    return "\r\n".join(lines).encode() + (body or b"")


def names_in(headers: Sequence[tuple[str, str]]) -> frozenset[str]:
    """The names of headers in lower case."""
    return _lower_case(tuple([name for name, _ in headers]))


@lru_cache(512)
def _lower_case(names: tuple[str, ...]) -> frozenset[str]:
    """Adapters send the same few sets of names all the time."""
    return frozenset([name.lower() for name in names])


def with_query(url: str, params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None) -> str:
    """The URL with ``params`` added to its query; values of sequences are repeated."""
    if not params:
        return url
    before, _, _ = url.partition("#")
    return before + ("&" if "?" in before else "?") + urlencode(params, doseq=True)


def read_proxy(proxy: str | Secret | None) -> Proxy | None:
    """Reads ``http://user:password@host:port``; a proxy is the one place where a URL may carry a credential.

    Raises:
        InvalidInput: not an http or https URL.
        ForbiddenAddress: the host is not in its plain spelling.
    """
    if not proxy:
        return None
    text = proxy.reveal() if isinstance(proxy, Secret) else proxy
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidInput(
            "The egress proxy is not an http or https URL.", action="Write http://user:password@host:port."
        )
    userinfo, _, authority = parts.netloc.rpartition("@")
    host, port = read_authority(authority, default_port=443 if parts.scheme == "https" else 80)
    credential = base64.b64encode(unquote(userinfo).encode()).decode() if userinfo else None
    return Proxy(parts.scheme, host, port, f"Basic {credential}" if credential else None)


def location(target: Target, value: str) -> str:
    """The absolute URL that a ``Location`` header means for a request to ``target``."""
    try:
        return urljoin(target.url, value.strip())
    except ValueError:
        raise ProtocolError(f"{target.origin} redirects to something that is not a URL.") from None


def redirected(request: Request, status: int, target: Target, *, provider: str = "") -> Request:
    """The request that follows a redirect to ``target``.

    To another origin (scheme, host or port) only harmless headers travel, and no body does: it may hold a credential.

    Raises:
        ProtocolError: the body would have to be sent to another origin, or cannot be sent twice.
    """
    same_origin = target.origin == request.target.origin
    headers = tuple(pair for pair in request.headers if same_origin or pair[0].lower() in _TRAVELS)
    if status not in _KEEPS_METHOD and request.method not in ("GET", "HEAD"):
        headers = tuple(pair for pair in headers if pair[0].lower() not in _DESCRIBES_BODY)
        return Request("GET", target, headers)
    if request.body is not None and not (same_origin and isinstance(request.body, bytes)):
        raise ProtocolError(f"{request.target.origin} redirects an upload elsewhere.", provider=provider)
    return replace(request, target=target, headers=headers)
