"""Passkeys: keys of a device that sign its owner in (WebAuthn, https://www.w3.org/TR/webauthn-3/)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

__all__ = ["PASSKEYS_MAX", "Passkey", "PasskeyRepository", "RelyingParty"]

PASSKEYS_MAX: Final = 20
"""Of one user."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What browsers bind passkeys to.

    Attributes:
        host: the name of this installation for browsers, without a port.
        origin: scheme, host and port of its pages.
    """

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey. Nothing of it is secret: the private half stays in its device.

    Attributes:
        credential_id: what the device calls it.
        public_key: COSE key.
        sign_count: how often the device says it was used; 0 for ever for devices that do not count.
        label: its owner's name for it.
        host: where it was made; browsers offer it nowhere else.
        used_at: last sign-in, or None.
    """

    id: UUID
    user_id: UUID
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    label: str
    host: str
    created_at: datetime
    used_at: datetime | None = None


class PasskeyRepository(Protocol):
    """Passkeys, and marks of challenges that were answered."""

    async def add(self, passkey: Passkey) -> bool:
        """Keeps one; False when somebody has it already."""
        ...

    async def of_user(self, user_id: UUID) -> list[Passkey]:
        """All of a user's, oldest first."""
        ...

    async def by_credential(self, credential_id: bytes, *, lock: bool = False) -> Passkey | None:
        """The one with this identifier, or None."""
        ...

    async def used(self, passkey_id: UUID, sign_count: int, at: datetime) -> None:
        """Notes a sign-in."""
        ...

    async def rename(self, user_id: UUID, passkey_id: UUID, label: str) -> bool:
        """Gives it another name; False when it is not this user's."""
        ...

    async def remove(self, user_id: UUID, passkey_id: UUID) -> bool:
        """Forgets it; False when it is not this user's."""
        ...

    async def remove_all(self, user_id: UUID) -> None:
        """Forgets every passkey of a user."""
        ...

    async def answer(self, mark: bytes, *, now: datetime, expires_at: datetime) -> bool:
        """Notes that a challenge was answered; False when it was before. Marks that have ended are forgotten."""
        ...
