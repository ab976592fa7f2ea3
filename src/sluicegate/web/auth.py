"""Keys in requests: where each surface carries them, and the guard of routes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import parse_qs

from litestar import Request, Router
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.web.asgi import Scope, header
from sluicegate.web.limits import FailedAttempts

__all__ = ["Carrier", "Guard", "behind_guards", "caller_of", "key_guard", "presented_key", "scope_of"]

_QUERY_FIELDS_MAX: Final = 100
_MISSING: Final = "A key is missing."

_Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[_Connection, BaseRouteHandler], Awaitable[None]]
"""Looks at a request before its route does, and raises when it may not go on."""


class Carrier(Enum):
    """Where a request carries its key."""

    BEARER = "authorization"
    """``Authorization: Bearer tu_…``"""
    API_KEY = "x-api-key"
    """``x-api-key: sk_…``"""
    QUERY = "token"
    """``?token=…``, for feeds and players that send no headers. Such URLs are never logged."""


def scope_of(connection: _Connection) -> Scope:
    """The scope behind a request, as raw applications see it; Litestar's own type names its members."""
    return cast("Scope", connection.scope)


def presented_key(scope: Scope, *carriers: Carrier) -> str:
    """The one key of a request, looked for in ``carriers`` in order.

    Raises:
        Unauthenticated: there is none, or a header occurs twice.
    """
    for carrier in carriers:
        if text := _READERS[carrier](scope):
            return text
    raise Unauthenticated(_MISSING)


def key_guard(
    verifier: KeyVerifier,
    kind: KeyKind,
    *carriers: Carrier,
    attempts: FailedAttempts | None = None,
    words: tuple[str, str] | None = None,
) -> Guard:
    """A Litestar guard: the request goes on with the key as ``request.auth``, or ends with Unauthenticated.

    Args:
        verifier: knows the keys.
        kind: the kind of key that opens this route.
        carriers: where it is looked for.
        attempts: bounds the wrong keys that one peer may try; then RateLimited is raised for them. A valid key always
            passes: whoever guesses must not lock out everybody behind the same address.
        words: what a contract wants said, for a missing key and for a wrong one.
    """

    async def guard(connection: _Connection, _: BaseRouteHandler) -> None:
        text = ""
        try:
            text = presented_key(scope_of(connection), *carriers)
            connection.scope["auth"] = await verifier.verify(text, kind)
        except Unauthenticated as error:
            if attempts is not None:
                peer = connection.client.host if connection.client else ""
                attempts.check(peer)
                attempts.failed(peer)
            if words is None:
                raise
            raise Unauthenticated(words[1] if text else words[0]) from error

    return guard


def behind_guards(routers: Sequence[Router], guards: Mapping[str, Guard]) -> list[Router]:
    """``routers``, each behind the guards of the kinds of key that its description (``security``) names.

    A guard and not a dependency: strangers are refused before anything they sent is looked at. A route that got none
    by mistake has no caller either (``caller_of``), and refuses everybody.
    """
    for router in routers:
        named = {name for requirement in router.security or () for name in requirement}
        router.guards = [*(guards[name] for name in sorted(named & guards.keys())), *router.guards]
    return list(routers)


def caller_of(request: Request[Any, Any, Any]) -> Key:
    """The key that the guard has verified: a dependency of routes. Raises Unauthenticated when no guard did."""
    key = request.scope.get("auth")
    if not isinstance(key, Key):
        raise Unauthenticated(_MISSING)
    return key


def _bearer(scope: Scope) -> str:
    scheme, _, text = (header(scope, b"authorization") or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _api_key(scope: Scope) -> str:
    return (header(scope, b"x-api-key") or "").strip()


def _query(scope: Scope) -> str:
    text = scope.get("query_string", b"").decode("latin-1")
    try:
        values = parse_qs(text, max_num_fields=_QUERY_FIELDS_MAX).get(Carrier.QUERY.value, [])
    except ValueError:
        return ""
    return values[0] if len(values) == 1 else ""


_READERS: Final[dict[Carrier, Callable[[Scope], str]]] = {
    Carrier.BEARER: _bearer,
    Carrier.API_KEY: _api_key,
    Carrier.QUERY: _query,
}
