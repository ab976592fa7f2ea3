"""Add-ons: the registered programs that may call the gateway, and the secrets that prove who they are."""

import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.errors import InvalidInput
from sluicegate.core.secrets import Secret

__all__ = [
    "SECRET_LENGTH_MAX",
    "Addon",
    "AddonRepository",
    "AddonSecret",
    "AddonState",
    "check_slug",
    "looks_like_slug",
    "mint_secret",
]

_ALPHABET: Final = string.ascii_lowercase + string.digits
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_PREFIX: Final = "as_"
_RANDOM_LENGTH: Final = 40

SECRET_LENGTH_MAX: Final = 200
"""Anything longer is refused before it is hashed."""


class AddonState(StrEnum):
    """Where an application is; only an approved add-on may call."""

    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Addon:
    """A registered add-on.

    Attributes:
        slug: its public, unique identifier; what ``X-Relaygate-Addon-Id`` carries and logs show.
        name: as people call it.
        contact: where its developer is reached.
        proof: how the applicant shows to be its developer: a repository, a domain, a signed release.
        reason: why it was rejected or revoked; for operators only.
        user_id: who applied; None when an operator made it.
    """

    id: UUID
    slug: str
    name: str
    contact: str
    proof: str
    state: AddonState
    created_at: datetime
    reason: str = ""
    user_id: UUID | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddonSecret:
    """A developer secret as we keep it; two may be valid at a time while the developer changes over.

    Attributes:
        hint: its last four characters.
        expires_at: from when it is not accepted any more; None for the current one.
    """

    id: UUID
    addon_id: UUID
    hint: str
    created_at: datetime
    expires_at: datetime | None = None


class AddonRepository(Protocol):
    """Add-ons and the fingerprints of their secrets."""

    async def add(self, addon: Addon) -> None:
        """Raises AlreadyExists when the slug is taken."""
        ...

    async def by_slug(self, slug: str) -> Addon:
        """Raises NotFound."""
        ...

    async def update(self, addon: Addon) -> None:
        """Writes state, reason and time of decision."""
        ...

    async def page(self, *, user_id: UUID | None, limit: int, offset: int) -> list[Addon]:
        """By slug; those of one applicant, or all."""
        ...

    async def add_secret(self, secret: AddonSecret, fingerprint: bytes) -> None:
        """Keeps a further secret."""
        ...

    async def secrets(self, addon_id: UUID, at: datetime) -> Sequence[tuple[AddonSecret, bytes]]:
        """Those that are valid at this time, newest first, with their fingerprints."""
        ...

    async def expire_secrets(self, addon_id: UUID, at: datetime) -> None:
        """Lets every secret end at this time, unless it ends before."""
        ...


def looks_like_slug(text: str) -> bool:
    """Whether ``text`` could be an add-on's identifier."""
    return _SLUG.fullmatch(text) is not None


def check_slug(text: str) -> str:
    """The identifier, if it is one.

    Raises:
        InvalidInput: it is not.
    """
    if not looks_like_slug(text):
        raise InvalidInput(
            "An add-on's identifier has 1 to 64 lower-case letters, digits, '.', '_' or '-', and starts and ends with "
            "a letter or digit.",
            field="slug",
        )
    return text


def mint_secret() -> Secret:
    """A new developer secret, ``as_…`` with about 200 bits."""
    return Secret(_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH)))
