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

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.keys import KEY_LENGTH_MAX, Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.web.asgi import Scope, header
from sluicegate.web.limits import FailedAttempts

__all__ = ["Carrier", "RecentKeys", "key_guard", "presented_key"]

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

    async def verify(self, text: str, kind: KeyKind) -> Key:
        """See ``core.ports.KeyVerifier``."""
        if len(text) > KEY_LENGTH_MAX or not text.isascii():
            raise Unauthenticated("This key is not valid.")
        digest = hashlib.blake2b(f"{kind} {text}".encode("ascii"), key=self._secret, digest_size=32).digest()
        checked_at, key = self._entries.get(digest, (0.0, None))
        if key is not None and time.monotonic() - checked_at < self._fresh:
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

    def _remember(self, digest: bytes, key: Key) -> None:
        while len(self._entries) >= _ENTRIES_MAX:
            self._entries.popitem(last=False)
        self._entries[digest] = (time.monotonic(), key)


def key_guard(
    verifier: KeyVerifier, kind: KeyKind, *carriers: Carrier, attempts: FailedAttempts | None = None
) -> _Guard:
    """A Litestar guard: the request goes on with the key as ``request.auth``, or ends with Unauthenticated.

    ``attempts`` bounds the wrong keys that one peer may try; it then raises RateLimited without looking at the key.
    """

    async def guard(connection: _Connection, _: BaseRouteHandler) -> None:
        peer = connection.client.host if connection.client else ""
        if attempts is not None:
            attempts.check(peer)
        try:
            text = presented_key(cast("Scope", connection.scope), *carriers)
            connection.scope["auth"] = await verifier.verify(text, kind)
        except Unauthenticated:
            if attempts is not None:
                attempts.failed(peer)
            raise

    return guard


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
