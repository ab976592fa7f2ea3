"""Rows of users and of the keys that we issued to them."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.users import User

__all__ = ["KeyRepository", "UserRepository"]


class UserRepository(Protocol):
    """Users."""

    async def add(self, user: User) -> None:
        """Raises AlreadyExists when the name is taken."""
        ...

    async def get(self, user_id: UUID) -> User:
        """Raises NotFound."""
        ...

    async def by_name(self, name: str) -> User:
        """Raises NotFound."""
        ...

    async def page(self, *, limit: int, offset: int) -> list[User]:
        """By name."""
        ...

    async def remove(self, user_id: UUID) -> None:
        """Deletes a user with everything that is theirs: keys, accounts, jobs, choices. Removing twice is fine."""
        ...

    async def own_objects(
        self, user_id: UUID, *, limit: int, after: tuple[str, str] = ("", "")
    ) -> list[tuple[str, str]]:
        """Storage and key of what is stored for this user and for nobody else, in order, after the given pair."""
        ...


class KeyRepository(Protocol):
    """Keys that we issued."""

    async def add(self, key: Key, *, fingerprint: bytes, sealed: bytes | None) -> None:
        """Keeps a key; ``sealed`` is the encrypted plaintext, for library keys only."""
        ...

    async def verify(self, prefix: str, fingerprint: bytes) -> Key | None:
        """The valid key with this prefix and fingerprint (compared in constant time), or None."""
        ...

    async def touch(self, key_id: UUID, at: datetime) -> None:
        """Notes the last use."""
        ...

    async def current(self, user_id: UUID, kind: KeyKind) -> tuple[Key, bytes | None] | None:
        """The newest unrevoked key of a user and kind with its sealed plaintext, or None."""
        ...

    async def page(self, user_id: UUID, *, limit: int, offset: int) -> list[Key]:
        """Newest first, revoked ones included."""
        ...

    async def revoke(self, key_id: UUID, at: datetime) -> bool:
        """Ends a key at this time, which may be ahead; True when it is valid now."""
        ...

    async def lock(self, user_id: UUID) -> None:
        """Lets one unit of work at a time change this user's keys, until it ends. Raises NotFound: no such user."""
        ...
