"""Signing in to the dashboard: logins, one-time invitations and sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.errors import InvalidInput

__all__ = [
    "PASSWORD_MAX",
    "PASSWORD_MIN",
    "Invitation",
    "Login",
    "Session",
    "SignInRepository",
    "check_password",
]

PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Login:
    """How a user signs in.

    Attributes:
        password_hash: Argon2id, in its own text form.
        admin: may use the operator's pages.
        sealed_totp: secret of the second factor, for the vault; None while there is none.
        totp_used: counter of the last code that was taken: no code works twice.
        failures: wrong attempts since the last right one.
        locked_until: until when attempts are refused unread.
    """

    user_id: UUID
    password_hash: str = field(repr=False)
    admin: bool
    created_at: datetime
    sealed_totp: bytes | None = field(default=None, repr=False)
    totp_used: int = 0
    failures: int = 0
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that lets somebody set a password, once.

    Attributes:
        user_id: whose password; None for whoever comes first, who is asked for a name.
        admin: whether the login may use the operator's pages.
    """

    id: UUID
    user_id: UUID | None
    admin: bool
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in.

    Attributes:
        agent: what the browser calls itself, shortened.
        address: where it signed in from.
        seen_at: last use, to the minute.
    """

    id: UUID
    user_id: UUID
    admin: bool
    agent: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class SignInRepository(Protocol):
    """Logins, invitations and sessions. Tokens are kept as fingerprints only."""

    async def login(self, user_id: UUID, *, lock: bool = False) -> Login | None:
        """A user's login, or None for a user who has no password."""
        ...

    async def logins(self, user_ids: Sequence[UUID]) -> dict[UUID, Login]:
        """Those of these users who have one."""
        ...

    async def put_login(self, login: Login) -> None:
        """Keeps a login, in place of the one before."""
        ...

    async def admins(self) -> int:
        """How many logins may use the operator's pages."""
        ...

    async def add_invitation(self, invitation: Invitation, fingerprint: bytes) -> None:
        """Keeps an invitation; older ones for the same user end."""
        ...

    async def invitation(self, fingerprint: bytes, at: datetime, *, lock: bool = False) -> Invitation | None:
        """The one with this fingerprint if it is still good."""
        ...

    async def remove_invitation(self, invitation_id: UUID) -> None:
        """It has been used."""
        ...

    async def add_session(self, session: Session, fingerprint: bytes) -> None:
        """Keeps a session, and forgets those that have ended."""
        ...

    async def session(self, fingerprint: bytes, at: datetime) -> Session | None:
        """The one with this fingerprint if it has not ended."""
        ...

    async def sessions(self, user_id: UUID, at: datetime) -> list[Session]:
        """A user's, the newest use first; at most 100."""
        ...

    async def seen(self, session_id: UUID, at: datetime) -> None:
        """Notes a use."""
        ...

    async def end_session(self, session_id: UUID, *, user_id: UUID) -> bool:
        """Ends one; False when there is none."""
        ...

    async def end_sessions(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """Ends all of a user, or all but one."""
        ...

    async def forget_ended(self, at: datetime) -> int:
        """Deletes sessions and invitations whose time is over; how many."""
        ...


def check_password(password: str, *, name: str) -> None:
    """Refuses passwords that are too easy or absurd; length is what counts.

    Raises:
        InvalidInput: what to change.
    """
    if len(password) < PASSWORD_MIN:
        raise InvalidInput(f"A password has at least {PASSWORD_MIN} characters.", field="password")
    if len(password) > PASSWORD_MAX:
        raise InvalidInput(f"A password has at most {PASSWORD_MAX} characters.", field="password")
    if len(set(password)) < 4 or password.casefold() == name.casefold():
        raise InvalidInput("This password is too easy to guess.", field="password")
