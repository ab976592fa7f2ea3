"""Registering: addresses that wait for their owner to open a link, and the addresses of people who have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

__all__ = [
    "MailState",
    "Registration",
    "RegistrationRepository",
    "RegistrationRules",
    "RegistrationSums",
    "UserAddress",
    "UserAddressRepository",
]


class MailState(StrEnum):
    """What became of the mail that somebody asked for last."""

    WAITING = "waiting"
    """It is to be sent, for the first time or once more."""
    SENT = "sent"
    FAILED = "failed"
    """It was given up; asking anew begins anew."""


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """Who may register.

    Attributes:
        open: whether anybody may.
        domains: whose addresses; empty for all.
        reserved: names that mean something to the installation and are nobody's to choose.
    """

    open: bool = False
    domains: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Registration:
    """Somebody who says that an address is his. There is no user yet, and none can sign in.

    Attributes:
        address: as mail goes to it.
        address_key: the same for every spelling; unique.
        state: of the mail that was asked for last.
        attempts: how often that one was tried.
        mails: how many were asked for since ``created_at``.
        next_at: when to try it.
        words: why it has not gone yet.
        expires_at: when the link ends and the row goes.
    """

    id: UUID
    address: str = field(repr=False)
    address_key: str = field(repr=False)
    state: MailState
    attempts: int
    mails: int
    next_at: datetime
    words: str
    created_at: datetime
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RegistrationSums:
    """All registrations in figures, for whoever runs the installation.

    Attributes:
        pending: that have not ended.
        stuck: whose mail was tried and has not gone.
        failed: whose mail was given up.
        words: why the newest of these has not gone.
        next_at: when the next attempt is.
    """

    pending: int
    stuck: int
    failed: int
    words: str
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class UserAddress:
    """The address that a user has proven; for nobody's eyes but the user's own and the operator's."""

    user_id: UUID
    address: str = field(repr=False)
    address_key: str = field(repr=False)
    verified_at: datetime


class RegistrationRepository(Protocol):
    """Registrations. Tokens of links are kept as fingerprints only.

    Attributes:
        proven: addresses whose link was opened.
    """

    proven: "UserAddressRepository"

    async def pending(self, at: datetime) -> int:
        """How many have not ended."""
        ...

    async def by_key(self, address_key: str) -> Registration | None:
        """The one of an address, locked."""
        ...

    async def add(self, registration: Registration, fingerprint: bytes) -> bool:
        """Keeps one; False when its address has one already."""
        ...

    async def get(self, registration_id: UUID, *, lock: bool = False) -> Registration | None:
        """One by its id."""
        ...

    async def by_fingerprint(self, fingerprint: bytes, at: datetime, *, lock: bool = False) -> Registration | None:
        """The one behind a link, if it has not ended."""
        ...

    async def put(self, registration: Registration) -> None:
        """Writes one that is there."""
        ...

    async def remove(self, registration_id: UUID) -> None:
        """It is over."""
        ...

    async def due(self, at: datetime, *, limit: int) -> list[UUID]:
        """Those whose mail is to be tried now."""
        ...

    async def forget_ended(self, at: datetime) -> int:
        """Deletes those whose time is over; how many."""
        ...

    async def sums(self, at: datetime) -> RegistrationSums:
        """All in figures."""
        ...


class UserAddressRepository(Protocol):
    """Addresses of users; they go with their user."""

    async def of(self, user_ids: Sequence[UUID]) -> dict[UUID, UserAddress]:
        """Those of these users who have one."""
        ...

    async def by_key(self, address_key: str) -> UserAddress | None:
        """Whose this address is."""
        ...

    async def add(self, address: UserAddress) -> bool:
        """Keeps one; False when somebody has it already."""
        ...
