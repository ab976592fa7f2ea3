"""What seals secrets, verifies keys, and tells the right master key from another."""

from typing import Protocol

from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.secrets import Secret

__all__ = ["KeyVerifier", "MasterKeyMarkRepository", "Vault"]


class Vault(Protocol):
    """Encrypts what must be readable again (AES-256-GCM, key id, associated data) and hashes what must not."""

    def seal(self, plaintext: str, *, owner: str, kind: str) -> bytes:
        """Ciphertext bound to ``owner`` and ``kind``: opening it for another owner or kind fails."""
        ...

    def open(self, ciphertext: bytes, *, owner: str, kind: str) -> Secret:
        """The plaintext again.

        Raises:
            InternalError: wrong master key, or the row was moved or altered.
        """
        ...

    def fingerprint(self, text: str) -> bytes:
        """Keyed SHA-256 (32 bytes) of a high-entropy secret, for looking it up and comparing it."""
        ...


class KeyVerifier(Protocol):
    """Verifies a presented key."""

    async def verify(self, text: str, kind: KeyKind) -> Key:
        """The key, or raises Unauthenticated: one answer for every cause."""
        ...


class MasterKeyMarkRepository(Protocol):
    """Marks that only the right master key opens."""

    async def ensure(self, name: str, sealed: bytes) -> bytes:
        """The mark that is there, or this one, which is kept then."""
        ...

    async def find(self, name: str) -> bytes | None:
        """The mark with this name, or None."""
        ...

    async def replace(self, name: str, sealed: bytes) -> None:
        """Puts another in its place, when the master key changes."""
        ...
