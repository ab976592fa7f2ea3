"""The public keys of an issuer (RFC 7517): kept for a while, and fetched anew when a token names an unknown one."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import Key as WebKey
from joserfc.jwk import import_key

from sluicegate.core.errors import ProtocolError, SluicegateError

__all__ = ["ALGORITHMS", "PublishedKeys"]

ALGORITHMS: Final = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC", "Ed25519": "OKP", "EdDSA": "OKP",
}  # fmt: skip
"""Signature algorithms with public keys, and the type of key each one needs. No shared secrets, no ``none``."""

_KEYS_MAX: Final = 100
_FRESH_SECONDS: Final = 600.0
_STALE_SECONDS: Final = 24 * 3600.0
"""While the issuer is away, its last keys are believed for this long."""
_PAUSE_SECONDS: Final = 15.0
"""Least time between two fetches that unknown keys ask for; whoever sends wrong key ids must not make us hammer."""

Fetch = Callable[[], Awaitable[bytes]]


class PublishedKeys:
    """Implements ``web.tokens.KeyFinder``; ``fetch`` gets the JSON document through the egress guard."""

    def __init__(self, fetch: Fetch, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: list[WebKey] = []
        self._fetched_at = -_STALE_SECONDS
        self._tried_at = -_STALE_SECONDS
        self._busy = asyncio.Lock()

    async def find(self, algorithm: str, key_id: str | None) -> WebKey | None:
        """See ``KeyFinder``.

        Raises:
            UpstreamError: there are no keys, and the issuer does not give any.
        """
        if algorithm not in ALGORITHMS:
            return None
        await self._refresh(_FRESH_SECONDS)
        found = self._pick(algorithm, key_id)
        if found is None:
            await self._refresh(_PAUSE_SECONDS)
            found = self._pick(algorithm, key_id)
        return found

    def _pick(self, algorithm: str, key_id: str | None) -> WebKey | None:
        fitting = [key for key in self._keys if _fits(key, algorithm)]
        if key_id is not None:
            return next((key for key in fitting if key.kid == key_id), None)
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self, after: float) -> None:
        """Fetches when the last try is this long ago; callers at the same time share one fetch."""
        async with self._busy:
            now = self._monotonic()
            if now - self._fetched_at < after or now - self._tried_at < min(after, _PAUSE_SECONDS):
                return
            self._tried_at = now
            try:
                self._keys = _read(await self._fetch())
                self._fetched_at = now
            except SluicegateError:
                if now - self._fetched_at >= _STALE_SECONDS:
                    self._keys = []
                    raise


def _fits(key: WebKey, algorithm: str) -> bool:
    """By type, and by what the document says about the key, when it says anything."""
    facts = key.as_dict(private=False)
    usable = facts.get("use", "sig") == "sig" and facts.get("alg", algorithm) == algorithm
    return bool(usable and key.key_type == ALGORITHMS[algorithm] and not key.is_private)


def _read(raw: bytes) -> list[WebKey]:
    try:
        listed = json.loads(raw)["keys"]
        if not isinstance(listed, list) or len(listed) > _KEYS_MAX:
            raise ProtocolError("The issuer's key document does not list its keys.")
        return [key for entry in listed if (key := _key(entry)) is not None]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProtocolError("The issuer's key document cannot be read.") from error


def _key(entry: Any) -> WebKey | None:  # noqa: ANN401 - one member of a stranger's document
    """A key, or None for one of a kind that is of no use here: the others still count."""
    try:
        key = import_key(entry) if isinstance(entry, dict) else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if key is None or key.key_type == "oct" else key
