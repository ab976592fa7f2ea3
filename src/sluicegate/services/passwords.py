"""Passwords and second factors: Argon2id off the event loop, and time-based codes (RFC 6238)."""

import asyncio
import functools
import secrets
from datetime import datetime
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["Passwords", "matching_counter", "new_totp_secret", "totp_address"]

_AT_ONCE: Final = 2
"""Each hashing takes 64 MiB and a core for a while."""
_STEP: Final = 30
_ISSUER: Final = "Sluicegate"


class Passwords:
    """Hashes and verifies; by default at the cost that the library recommends."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """Argon2id, in its text form."""
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether this is the password; with None it never is, and takes as long."""
        async with self._gate:
            return await asyncio.to_thread(self._matches, password_hash, password)

    def outdated(self, password_hash: str) -> bool:
        """Whether it was hashed at a lower cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    @functools.cached_property
    def _nobody(self) -> str:
        """Verified for names that do not exist, so that they take as long as those that do."""
        return self._hasher.hash(secrets.token_urlsafe(16))

    def _matches(self, password_hash: str | None, password: str) -> bool:
        # Looked at first, so that the first sign-in makes it, whoever signs in; most processes never see one.
        nobody = self._nobody
        try:
            self._hasher.verify(password_hash or nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


def new_totp_secret() -> str:
    """A new secret for an authenticator, in base32."""
    return pyotp.random_base32()


def totp_address(secret: str, name: str) -> str:
    """The ``otpauth://`` address that authenticators read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def matching_counter(secret: str, code: str, at: datetime, *, after: int) -> int | None:
    """The counter of a code, if it is right now or one step off, and newer than ``after``; else None."""
    code = code.replace(" ", "")
    if len(code) != 6 or not (code.isascii() and code.isdecimal()):
        return None
    now = int(at.timestamp()) // _STEP
    totp = pyotp.TOTP(secret)
    for counter in (now, now - 1, now + 1):
        if counter > after and secrets.compare_digest(totp.at(counter * _STEP), code):
            return counter
    return None
