"""Users: the owner of everything else, what they may use up, and who they are elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

__all__ = ["Identity", "IdentityRepository", "User", "UserLimitRepository", "UserLimits"]


@dataclass(frozen=True, slots=True)
class User:
    """A person or team of this installation; ``name`` is unique and is what the CLI takes."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserLimits:
    """What the operator lets one user use up; None stands for no limit.

    Attributes:
        storage_bytes: bytes kept here for the user.
        concurrent: media jobs at work at the same time.
        max_resolution: largest height of a video, as the media contract writes it (``1080``).
        max_duration: longest media in seconds.
        max_bytes: largest single file.
    """

    storage_bytes: int | None = None
    concurrent: int | None = None
    max_resolution: str | None = None
    max_duration: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a user is at an issuer of tokens: the pair of ``issuer`` and ``subject`` is unique."""

    issuer: str
    subject: str
    user_id: UUID
    created_at: datetime


class IdentityRepository(Protocol):
    """Who users are at issuers of tokens."""

    async def find(self, issuer: str, subject: str) -> Identity | None:
        """The identity, or None."""
        ...

    async def add(self, identity: Identity) -> bool:
        """Keeps an identity; False when this subject belongs to a user already."""
        ...

    async def page(self, user_id: UUID) -> list[Identity]:
        """All of one user, oldest first."""
        ...

    async def remove(self, issuer: str, subject: str) -> bool:
        """Forgets an identity; False when there is none."""
        ...


class UserLimitRepository(Protocol):
    """What users may use up."""

    async def get(self, user_id: UUID) -> UserLimits:
        """The user's limits; none are set for a user nobody has limited."""
        ...

    async def put(self, user_id: UUID, limits: UserLimits) -> None:
        """Sets all of them."""
        ...
