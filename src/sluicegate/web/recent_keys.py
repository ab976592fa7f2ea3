"""Verifying keys without asking the database each time, and tokens where library keys are taken."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.keys import KEY_LENGTH_MAX, Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.web.tokens import TOKEN_LENGTH_MAX, TokenReader

__all__ = ["KeysAndTokens", "RecentKeys"]

_FRESH_SECONDS: Final = 3.0
_ENTRIES_MAX: Final = 4096


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


def _longest(text: str) -> int:
    return TOKEN_LENGTH_MAX if text.count(".") == 2 else KEY_LENGTH_MAX


def _ended(key: Key) -> bool:
    return key.revoked_at is not None and key.revoked_at.timestamp() <= time.time()
