"""Rows of accounts at providers, and of what was about to be created there."""

from typing import Protocol
from uuid import UUID

from sluicegate.core.accounts import Account, Credential

__all__ = ["AccountRepository", "IntentRepository"]


class AccountRepository(Protocol):
    """Accounts and their sealed tokens."""

    async def add(self, account: Account, *, sealed_token: bytes, sealed_proxy: bytes | None) -> None:
        """Raises AlreadyExists when the user has an account with this provider and label."""
        ...

    async def get(self, account_id: UUID) -> Account:
        """Raises NotFound."""
        ...

    async def credential(self, account_id: UUID) -> Credential:
        """Opens the token. Raises NotFound, InternalError (wrong master key)."""
        ...

    async def page(self, user_id: UUID) -> list[Account]:
        """All of one user, oldest first."""
        ...

    async def update(self, account: Account) -> None:
        """Writes state, reason, facts and times. Never touches the token."""
        ...

    async def rotate(self, account_id: UUID, *, sealed_token: bytes, token_hint: str) -> None:
        """Replaces the token."""
        ...

    async def remove(self, account_id: UUID) -> None:
        """Deletes the account and its token; jobs that used it stay."""
        ...


class IntentRepository(Protocol):
    """Create intents: written before an upstream create, so that after a crash nothing is created twice."""

    async def open(self, job_id: UUID, provider: str, account_id: UUID | None) -> bool:
        """Notes the intent; True when one was already open (a crash came in between: look before creating)."""
        ...

    async def close(self, job_id: UUID, provider: str, account_id: UUID | None) -> None:
        """The create is answered and its outcome is on the job."""
        ...
