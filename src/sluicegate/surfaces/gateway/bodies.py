"""Request bodies and query parameters of the canonical operations, read strictly and turned into core values."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from sluicegate.core.errors import InvalidInput
from sluicegate.core.gateway import GatewayRefused, JobKind, ProblemCode
from sluicegate.core.magnets import looks_like_info_hash, parse_info_hash, parse_magnet
from sluicegate.core.names import display_text
from sluicegate.core.sources import Nzb, Source, WebLink
from sluicegate.core.web_links import parse_link
from sluicegate.web.asgi import Receive, Scope, header

__all__ = [
    "CacheCheckRequest",
    "CancelRequest",
    "CreateRequest",
    "PlaybackRequest",
    "Query",
    "UnlockRequest",
    "read_body",
    "read_raw",
]

T = TypeVar("T")

BODY_MAX: Final = 256 * 1024
_BODY_SECONDS: Final = 30.0
_HASHES_MAX: Final = 1_000
_LIMIT_MAX: Final = 1_000
_OFFSET_MAX: Final = 100_000
_DEADLINE_MAX_MS: Final = 30_000
_PARAMETERS_MAX: Final = 200
_NAME_MAX: Final = 200
_ZEROS: Final = "0" * 40
"""Names no torrent, so the careful way refuses it."""


_Password = Annotated[str, msgspec.Meta(max_length=500)] | None
# Formats and patterns are for readers of the description; ``core`` reads what is handed in, and says what is wrong.
_Magnet = Annotated[str, msgspec.Meta(extra_json_schema={"format": "magnet"})]
_Link = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri"})]
_InfoHash = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^(?!0{40})[0-9A-Fa-f]{40}$"})]
_InfoHashes = Annotated[list[_InfoHash], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": _HASHES_MAX})]


class CreateRequest(msgspec.Struct):
    """``jobs.create``: a magnet for a torrent, an address for the other two (``link`` is another word for ``url``).

    Members that we do not know are ignored.
    """

    kind: JobKind
    magnet: _Magnet | None = None
    url: _Link | None = None
    link: _Link | None = None
    name: str | None = None
    password: _Password = None

    def source(self) -> Source:
        """What is handed in. Raises InvalidInput."""
        name = display_text(self.name or "", _NAME_MAX)
        if self.kind is JobKind.TORRENT:
            text = (self.magnet or self.url or self.link or "").strip()
            if not text:
                raise InvalidInput("A torrent needs 'magnet'.", field="magnet")
            magnet = parse_info_hash(text) if looks_like_info_hash(text) else parse_magnet(text)
            return replace(magnet, name=name) if name else magnet
        address = self.url or self.link
        if not address:
            raise InvalidInput("Usenet and web jobs need 'url'.", field="url")
        link = parse_link(address)
        if self.kind is JobKind.WEB_FETCH:
            return WebLink(link.url, name, self.password or "")
        name = name or display_text(_last_segment(link.url), _NAME_MAX)
        return Nzb(name, url=link.url, password=self.password or "")


class UnlockRequest(msgspec.Struct):
    """``hoster.links.unlock``."""

    url: _Link
    client_ip: str | None = None
    password: _Password = None

    def link(self) -> WebLink:
        """The hoster's link. Raises InvalidInput."""
        return replace(parse_link(self.url), password=self.password or "")


class CancelRequest(msgspec.Struct):
    """``jobs.cancel``: nothing, or the provider's word for what to do; ids in here are ignored."""

    operation: Annotated[str, msgspec.Meta(max_length=30)] = "delete"


class PlaybackRequest(msgspec.Struct):
    """``jobs.files.playback``: nothing, or the viewer's address."""

    client_ip: str | None = None


class CacheCheckRequest(msgspec.Struct):
    """``torrents.cache_check``: up to 1,000 hashes of 40 hex digits (or 32 base32 characters)."""

    hashes: _InfoHashes
    list_files: bool = False

    def counted(self) -> list[str]:
        """The hashes as they were sent. Raises InvalidInput for none or too many."""
        if not 0 < len(self.hashes) <= _HASHES_MAX:
            raise InvalidInput(f"'hashes' holds 1 to {_HASHES_MAX:,} info hashes.", field="hashes")
        return self.hashes

    def normalised(self) -> list[str]:
        """The hashes in lower-case hex. Raises InvalidInput."""
        return _plain(self.hashes) or [parse_info_hash(text).info_hash for text in self.hashes]


def _plain(hashes: list[str]) -> list[str] | None:
    """The hashes in lower case if all are 40 hex digits, in a few steps for all: there are hundreds in every search."""
    joined = "".join(hashes)
    try:
        digits = 2 * len(bytes.fromhex(joined))
    except ValueError:
        return None
    if digits != len(joined) or set(map(len, hashes)) != {40} or _ZEROS in hashes:
        return None
    return hashes if joined == joined.lower() else [text.lower() for text in hashes]


class Query:
    """The query parameters of a call; each may occur once.

    The contract leaves open which others its operations know, so those that we do not know are ignored, as long as
    they have a name.
    """

    def __init__(self, scope: Scope) -> None:
        try:
            text = bytes(scope.get("query_string", b"")).decode()
            self._values: dict[str, list[str]] = parse_qs(
                text, keep_blank_values=True, max_num_fields=_PARAMETERS_MAX, errors="strict"
            )
        except ValueError as error:
            raise _invalid("The query cannot be read.") from error
        if "" in self._values:
            raise _invalid("The query holds a parameter without a name.")

    def kind(self) -> JobKind:
        """``kind``; required."""
        text = self._one("kind")
        if text not in set(JobKind):
            what = "'kind'" if "kind" in self._values else "The query needs 'kind', which"
            raise _invalid(f"{what} is one of {', '.join(JobKind)}.")
        return JobKind(text)

    def page(self) -> tuple[int, int]:
        """``limit`` and ``offset``."""
        return self._number("limit", _LIMIT_MAX, 1, _LIMIT_MAX), self._number("offset", 0, 0, _OFFSET_MAX)

    def deadline(self) -> float | None:
        """``deadline_ms`` in seconds; None without it."""
        if "deadline_ms" not in self._values:
            return None
        return self._number("deadline_ms", 0, 1, _DEADLINE_MAX_MS) / 1000

    def _one(self, name: str) -> str:
        values = self._values.get(name, [""])
        if len(values) != 1:
            raise _invalid(f"'{name}' occurs more than once.")
        return values[0]

    def _number(self, name: str, usual: int, least: int, most: int) -> int:
        text = self._one(name)
        if not text and name not in self._values:
            return usual
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
            raise _invalid(f"'{name}' is a whole number from {least} to {most}.")
        return int(text)


async def read_body(scope: Scope, receive: Receive, kind: type[T], *, optional: bool = False) -> T:
    """The JSON body as ``kind``.

    Args:
        scope: the request.
        receive: where its body comes from.
        kind: what it must be.
        optional: nothing and ``null`` count as an empty object.

    Raises:
        GatewayRefused: too large, not JSON, or of another shape.
    """
    raw = await read_raw(receive, BODY_MAX)
    if optional and raw.strip() in {b"", b"null"}:
        raw = b"{}"
    elif not _declares_json(scope):
        raise GatewayRefused(
            ProblemCode.VALIDATION_ERROR, "Send JSON with 'Content-Type: application/json'.", status=415
        )
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(f"The body is not as expected: {error}.") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _invalid("The body is not one well-formed JSON document.") from error


async def read_raw(receive: Receive, limit: int) -> bytes:
    """The whole body.

    Raises:
        GatewayRefused: it is longer than ``limit`` bytes, does not come, or breaks off.
    """
    message: Any = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        body += await _rest(receive, limit)
    elif message["type"] == "http.disconnect":
        raise _invalid("The body ends before its end.")
    if len(body) > limit:
        raise GatewayRefused(ProblemCode.VALIDATION_ERROR, f"A body has at most {limit:,} bytes.", status=413)
    return body


async def _rest(receive: Receive, limit: int) -> bytes:
    """What follows the first piece, until a little more than ``limit``; most bodies come in one."""
    rest = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while len(rest) <= limit:
                message: Any = await receive()
                if message["type"] == "http.disconnect":
                    raise _invalid("The body ends before its end.")
                rest += message.get("body", b"")
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise GatewayRefused(ProblemCode.VALIDATION_ERROR, "The body does not come.", status=408) from None
    return bytes(rest)


def _declares_json(scope: Scope) -> bool:
    kind = (header(scope, b"content-type") or "application/json").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _last_segment(url: str) -> str:
    return urlsplit(url).path.rstrip("/").rpartition("/")[2] or "download"


def _invalid(detail: str) -> GatewayRefused:
    return GatewayRefused(ProblemCode.VALIDATION_ERROR, detail)
