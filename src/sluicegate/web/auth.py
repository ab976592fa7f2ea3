"""Keys in requests: where each surface carries them, and verifying them without asking the database each time."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import parse_qs
from uuid import UUID

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.keys import KEY_LENGTH_MAX, Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.web.asgi import Scope, header
from sluicegate.web.limits import FailedAttempts
from sluicegate.web.tokens import TOKEN_LENGTH_MAX, TokenReader

__all__ = ["Carrier", "KeysAndTokens", "RecentKeys", "caller_of", "key_guard", "presented_key"]

_FRESH_SECONDS: Final = 3.0
_ENTRIES_MAX: Final = 4096
_QUERY_FIELDS_MAX: Final = 100
_MISSING: Final = "A key is missing."

_Connection = ASGIConnection[Any, Any, Any, Any]
_Guard = Callable[[_Connection, BaseRouteHandler], Awaitable[None]]


class Carrier(Enum):
    """Where a request carries its key."""

    BEARER = "authorization"
    """``Authorization: Bearer tu_…``"""
    API_KEY = "x-api-key"
    """``x-api-key: sk_…``"""
    QUERY = "token"
    """``?token=…``, for feeds and players that send no headers. Such URLs are never logged."""


def presented_key(scope: Scope, *carriers: Carrier) -> str:
    """The one key of a request, looked for in ``carriers`` in order.

    Raises:
        Unauthenticated: there is none, or a header occurs twice.
    """
    for carrier in carriers:
        if text := _READERS[carrier](scope):
            return text
    raise Unauthenticated(_MISSING)


class KeysAndTokens:
    """A ``KeyVerifier`` that takes JSON web tokens where library keys are taken; the form says which one it is."""

    def __init__(self, keys: KeyVerifier, tokens: TokenReader) -> None:
        self._keys = keys
        self._tokens = tokens

    async def verify(self, text: str, kind: KeyKind) -> Key:
        """See ``core.ports.KeyVerifier``; a token is answered as a ``TokenKey``."""
        if kind is KeyKind.LIBRARY and not text.startswith(kind.prefix) and text.count(".") == 2:
            return await self._tokens.read(text)
        return await self._keys.verify(text, kind)


class RecentKeys:
    """A ``KeyVerifier`` that remembers valid keys for a few seconds, under a digest that only this process can make.

    Revoking a key calls ``forget``; where nobody can call it (another process), the few seconds are the limit.
    Refusals are not remembered: a key works from the moment it is made.
    """

    def __init__(self, verifier: KeyVerifier, *, fresh: float = _FRESH_SECONDS) -> None:
        self._verifier = verifier
        self._fresh = fresh
        self._secret = secrets.token_bytes(32)
        self._entries: OrderedDict[bytes, tuple[float, Key]] = OrderedDict()
        self._generation = 0
        self._watchers: list[Callable[[], None]] = []

    async def verify(self, text: str, kind: KeyKind) -> Key:
        """See ``core.ports.KeyVerifier``."""
        if len(text) > _longest(text) or not text.isascii():
            raise Unauthenticated("This key is not valid.")
        digest = hashlib.blake2b(f"{kind} {text}".encode("ascii"), key=self._secret, digest_size=32).digest()
        checked_at, key = self._entries.get(digest, (0.0, None))
        if key is not None and time.monotonic() - checked_at < self._fresh and not _ended(key):
            return key
        self._entries.pop(digest, None)
        generation = self._generation
        key = await self._verifier.verify(text, kind)
        # A revocation that came while we asked may have come after the answer was made: then it is not remembered.
        if generation == self._generation:
            self._remember(digest, key)
        return key

    def forget(self, *, key_id: UUID | None = None, user_id: UUID | None = None) -> None:
        """Drops a key, or all keys of a user; without either, everything."""
        self._generation += 1
        everything = key_id is None and user_id is None
        for digest, (_, key) in list(self._entries.items()):
            if everything or key.id == key_id or key.user_id == user_id:
                del self._entries[digest]
        for watcher in list(self._watchers):
            watcher()

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Calls ``watcher`` whenever keys are forgotten, so that open streams ask again; returns what ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _remember(self, digest: bytes, key: Key) -> None:
        while len(self._entries) >= _ENTRIES_MAX:
            self._entries.popitem(last=False)
        self._entries[digest] = (time.monotonic(), key)


def key_guard(
    verifier: KeyVerifier,
    kind: KeyKind,
    *carriers: Carrier,
    attempts: FailedAttempts | None = None,
    words: tuple[str, str] | None = None,
) -> _Guard:
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
            text = presented_key(cast("Scope", connection.scope), *carriers)
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


def caller_of(request: Request[Any, Any, Any]) -> Key:
    """The key that the guard has verified: a dependency of routes."""
    key = request.auth
    if not isinstance(key, Key):
        raise Unauthenticated(_MISSING)
    return key


def _longest(text: str) -> int:
    return TOKEN_LENGTH_MAX if text.count(".") == 2 else KEY_LENGTH_MAX


def _ended(key: Key) -> bool:
    return key.revoked_at is not None and key.revoked_at.timestamp() <= time.time()


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
