"""Keys that we issue: their form, and how they are told apart. Secrets themselves are never kept here."""

import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sluicegate.core.secrets import Secret

__all__ = ["KEY_LENGTH_MAX", "Key", "KeyKind", "TokenKey", "mint", "split"]

_ALPHABET: Final = string.ascii_lowercase + string.digits
_PREFIX_LENGTH: Final = 8
_SECRET_LENGTH: Final = 32
"""36^32 is about 165 bits, safe in a URL path."""

KEY_LENGTH_MAX: Final = 200
"""Anything longer is refused before it is hashed or looked up."""


class KeyKind(StrEnum):
    """What a key opens; the prefix on the wire is part of each surface's contract."""

    LIBRARY = "library"
    MEDIA = "media"
    PROXY = "proxy"
    FEED = "feed"
    """Reads the outbound feed and nothing else: it stands in a URL that readers keep."""
    STREMIO = "stremio"
    """Opens the Stremio add-on and nothing else: it stands in the add-on's URL."""

    @property
    def prefix(self) -> str:
        """``tu_``, ``sk_``, ``pk_``, ``tf_`` or ``ts_``."""
        return _PREFIXES[self]


_PREFIXES: Final = {
    KeyKind.LIBRARY: "tu_",
    KeyKind.MEDIA: "sk_",
    KeyKind.PROXY: "pk_",
    KeyKind.FEED: "tf_",
    KeyKind.STREMIO: "ts_",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key as we keep it: enough to find, show and revoke it, not to use it."""

    id: UUID
    user_id: UUID
    kind: KeyKind
    prefix: str
    """The lookup handle: the random part that is not secret."""
    label: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenKey(Key):
    """A valid JSON web token in the place of a key: it opens what a library key opens, until ``revoked_at``.

    Attributes:
        issuer: who signed it; empty for this installation.
        email: what the issuer says, not checked by us.
    """

    issuer: str = ""
    email: str = ""


def mint(kind: KeyKind) -> tuple[str, Secret]:
    """Makes a new key: (lookup prefix, whole key).

    Library and proxy keys are ``<kind>_<prefix>_<secret>``; media keys are ``sk_<prefix><secret>``, as that contract's
    sample has no second separator.
    """
    prefix = _random(_PREFIX_LENGTH)
    separator = "" if kind is KeyKind.MEDIA else "_"
    return prefix, Secret(f"{kind.prefix}{prefix}{separator}{_random(_SECRET_LENGTH)}")


def split(text: str) -> tuple[KeyKind, str] | None:
    """Kind and lookup prefix of something that looks like a key of ours, or None. Proves nothing yet."""
    if len(text) > KEY_LENGTH_MAX or not text.isascii():
        return None
    for kind in KeyKind:
        if text.startswith(kind.prefix):
            prefix = text[len(kind.prefix) :][:_PREFIX_LENGTH]
            if len(prefix) == _PREFIX_LENGTH and all(c in _ALPHABET for c in prefix):
                return kind, prefix
    return None


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
