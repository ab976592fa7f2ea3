"""The raw proxy: one call at one provider, with the user's credential put in and everything else kept out."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from sluicegate.core.accounts import Credential
from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout
from sluicegate.core.gateway import GatewayRefused, ProblemCode
from sluicegate.net.http import Answer, Http
from sluicegate.services.gateway_fanout import Target
from sluicegate.surfaces.gateway.bodies import read_raw
from sluicegate.surfaces.gateway.named_content import check_named, texts_of
from sluicegate.web.asgi import Receive, Scope, header

__all__ = ["METHODS", "Forwarded", "Judge", "RawProxy", "Turns", "checked_path"]

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

_BODY_MAX: Final = 1024 * 1024
_BODY_KINDS: Final = frozenset({"application/json", "application/x-www-form-urlencoded"})
_KEPT_HEADERS: Final = (b"accept", b"accept-language", b"content-type")
_DROPPED_PARAMETERS: Final = frozenset({"token", "apikey", "api_key", "agent", "auth", "auth_token", "access_token"})
_SEGMENT: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_DOTS: Final = re.compile(r"(?:\.|%2e)+", re.IGNORECASE)
_FORBIDDEN_ESCAPES: Final = re.compile(r"%(?:[01][0-9a-f]|2f|5c|25|40|7f)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a provider is addressed.

    Attributes:
        base: the end of its published base URL, which a path may name or, with ``optional``, leave out.
        extra: parameters that the provider demands beside the token.
        by_query: the end of paths that take the token as a parameter.
        calls: ends of paths whose calls have a published limit of their own, with the class that they count as.
    """

    base: str
    optional: bool = False
    extra: tuple[tuple[str, str], ...] = ()
    by_query: str = ""
    calls: Mapping[str, str] = field(default_factory=dict)

    def counts_as(self, path: str) -> str:
        """The class of a call in the account's ledger."""
        return next((calls for end, calls in self.calls.items() if path.endswith(end)), "proxy")


_DIALECTS: Final[Mapping[str, _Dialect]] = {
    "realdebrid": _Dialect(
        "/rest/1.0",
        optional=True,
        calls={"/torrents/addMagnet": "submit_magnet", "/torrents/addTorrent": "submit_torrent_file"},
    ),
    "alldebrid": _Dialect("", extra=(("agent", "sluicegate"),)),
    "premiumize": _Dialect("/api", optional=True),
    "torbox": _Dialect(
        "/v1/api",
        by_query="/requestdl",
        calls={
            "/createtorrent": "submit_magnet",
            "/createusenetdownload": "submit_nzb",
            "/createwebdownload": "submit_web",
        },
    ),
    "debridlink": _Dialect("/api/v2", optional=True),
    "torrin": _Dialect(""),
    "smokedebrid": _Dialect("/v1", optional=True),
}


Turns = Callable[[str, Credential, str], AbstractAsyncContextManager[None]]
"""A turn in the account's ledger for a call of a provider (house name) of some class; it learns from what is raised."""

Judge = Callable[[str, Answer], UpstreamError | None]
"""What a provider's refusal means, where it can be told."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A provider's own answer: JSON, or nothing at all."""

    status: int
    body: bytes


class RawProxy:
    """Forwards calls.

    Args:
        http: the shared client.
        base_url: where a provider's API is for an account.
        turns: when a call may be made.
        judge: what a refusal means for the calls that follow.
        gate: refuses calls that name what the operator does not want, before anybody is asked.
    """

    def __init__(
        self,
        http: Http,
        base_url: Callable[[str, Credential], str],
        turns: Turns,
        judge: Judge = lambda *_: None,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._gate = gate
        self._http = http
        self._base_url = base_url
        self._turns = turns
        self._judge = judge

    async def forward(self, scope: Scope, receive: Receive, target: Target, path: str, *, deadline: float) -> Forwarded:
        """Sends the call on and gives the answer back.

        Args:
            scope: the request.
            receive: where its body comes from.
            target: the provider and its credential.
            path: below the proxy's base, percent-encoded; already checked.
            deadline: seconds for everything.

        Raises:
            GatewayRefused: the body is refused, or the answer is no JSON.
            ContentBlocked: it names something on the operator's blocklist.
            UpstreamError: the provider cannot be reached.
        """
        if target.problem is not None:
            raise target.problem
        credential = target.credential
        if credential is None or target.provider not in _DIALECTS:
            raise GatewayRefused(ProblemCode.PROVIDER_ADAPTER_MISSING, f"There is no raw access to {target.slug}.")
        dialect = _DIALECTS[target.provider]
        token = credential.token.reveal()
        body, parameters = await _body(scope, receive), _parameters(scope, dialect, path, token)
        await check_named(self._gate, texts_of(path, parameters, body))
        request = self._http.request(
            scope["method"],
            self._root(target.provider, credential, dialect) + _full_path(dialect, path),
            headers=[*_kept(scope), ("Authorization", f"Bearer {token}")],
            params=parameters,
            content=body,
            timeout=deadline,
            proxy=credential.proxy,
            provider=target.provider,
        )
        answer = await self._spent(target.provider, credential, dialect.counts_as(path), request, deadline)
        if answer.body.strip() and not _is_json(answer.body):
            raise GatewayRefused(ProblemCode.UPSTREAM_NON_JSON, f"{target.slug} answered something that is not JSON.")
        if not answer.body.strip() and answer.status != 204:
            raise GatewayRefused(ProblemCode.UPSTREAM_NON_JSON, f"{target.slug} answered nothing.")
        # A provider may echo the token, in links for instance; in vault mode the add-on must not learn it.
        return Forwarded(answer.status, answer.body.replace(token.encode(), b"[REDACTED]"))

    async def _spent(
        self, provider: str, credential: Credential, calls: str, request: Coroutine[Any, Any, Answer], deadline: float
    ) -> Answer:
        """The answer, asked for when the account's turn comes; a refusal in it teaches the ledger and is passed on."""
        answer: Answer | None = None
        try:
            async with asyncio.timeout(deadline), self._turns(provider, credential, calls):
                answer = await request
                if (lesson := self._lesson(provider, answer)) is not None:
                    raise lesson
        except TimeoutError:
            raise UpstreamTimeout(f"No answer within {deadline:g} seconds.", provider=provider) from None
        except UpstreamError:
            if answer is None:
                raise
        finally:
            request.close()
        return answer

    def _lesson(self, provider: str, answer: Answer) -> UpstreamError | None:
        if answer.status == 429:
            return UpstreamRateLimited("It asks for fewer calls.", provider=provider, retry_after=answer.retry_after)
        return None if answer.ok else self._judge(provider, answer)

    def _root(self, provider: str, credential: Credential, dialect: _Dialect) -> str:
        base = self._base_url(provider, credential).rstrip("/")
        return base.removesuffix(dialect.base) if dialect.base else base


def checked_path(path: str) -> str:
    """A provider-relative path that can only lead below the provider's own address.

    Raises:
        GatewayRefused: it climbs, names a host, or holds what some server could read as a separator.
    """
    segments = path.removeprefix("/").split("/")
    trailing = segments[-1] == "" and len(segments) > 1
    for segment in segments[:-1] if trailing else segments:
        if not _SEGMENT.fullmatch(segment) or _DOTS.fullmatch(segment) or _FORBIDDEN_ESCAPES.search(segment):
            raise GatewayRefused(ProblemCode.VALIDATION_ERROR, "This is not a path below the provider's API.")
    return path


def _full_path(dialect: _Dialect, path: str) -> str:
    first = "/" + dialect.base.split("/")[1] if dialect.base else ""
    named = path == first or path.startswith(first + "/")
    if dialect.optional and not named:
        # A path may begin with the version alone: /v2/… for a base /api/v2.
        tail = "/" + dialect.base.rpartition("/")[2]
        return dialect.base.removesuffix(tail) + path if path.startswith(tail + "/") else dialect.base + path
    return path


def _parameters(scope: Scope, dialect: _Dialect, path: str, token: str) -> list[tuple[str, str]]:
    """The caller's query without anything that could stand for a credential, and what we add."""
    try:
        given = parse_qsl(bytes(scope.get("query_string", b"")).decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError as error:
        raise GatewayRefused(ProblemCode.VALIDATION_ERROR, "The query cannot be read.") from error
    kept = [(name, value) for name, value in given if name.lower() not in _DROPPED_PARAMETERS and name != "deadline_ms"]
    if dialect.by_query and path.endswith(dialect.by_query):
        kept.append(("token", token))
    return [*kept, *dialect.extra]


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    if scope["method"] == "GET":
        return None
    raw = await read_raw(receive, _BODY_MAX)
    kind = (header(scope, b"content-type") or "application/json").partition(";")[0].strip().lower()
    if raw and kind not in _BODY_KINDS:
        raise GatewayRefused(ProblemCode.VALIDATION_ERROR, "Send JSON or a URL-encoded form.", status=415)
    return raw or None


def _kept(scope: Scope) -> list[tuple[str, str]]:
    found = [(name.decode().title(), header(scope, name)) for name in _KEPT_HEADERS]
    return [(name, value) for name, value in found if value]


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True
