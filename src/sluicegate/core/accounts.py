"""Accounts: one credential of one user at one provider."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sluicegate.core.secrets import Secret

__all__ = [
    "LOCAL_PROVIDERS",
    "Account",
    "AccountFacts",
    "AccountState",
    "Credential",
    "proxy_kind",
    "token_kind",
]

LOCAL_PROVIDERS: Final = ("swarm", "direct")
"""Providers that need no account; their transfers run in our own worker that holds the data folder."""


class AccountState(StrEnum):
    """Whether calls may be spent on an account."""

    UNTESTED = "untested"
    OK = "ok"
    PAUSED = "paused"
    """The provider refused the token, locked the account or let the plan lapse: a person must act; nothing is lost."""
    DISABLED = "disabled"
    """Switched off by its owner."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What an adapter needs to act for an account.

    Attributes:
        account_id: our id; adapters use it for nothing but error context, pacing uses it as its ledger key.
        token: API key or access token.
        base_url: overrides the provider's published address (self-hosted Torrin, StremThru, the sandbox).
        proxy: egress proxy URL for this account, or None.
    """

    account_id: str
    token: Secret
    base_url: str | None = None
    proxy: Secret | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a provider tells about an account.

    Attributes:
        id: the provider's user id or name as text; never an e-mail address or a token.
        premium: True, False, or None when the provider does not tell.
        plan: the provider's word for the plan.
        expires_at: UTC end of the premium time, when told.
        limits: named figures as told (``points_used``: 0.3), for people to read.
    """

    id: str
    premium: bool | None
    plan: str = ""
    expires_at: datetime | None = None
    limits: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """An account as we keep it; the token itself stays encrypted in the database until it is used."""

    id: UUID
    user_id: UUID
    provider: str
    label: str
    state: AccountState
    created_at: datetime
    base_url: str | None = None
    reason: str = ""
    """Why it is paused and what to do, in words."""
    checked_at: datetime | None = None
    facts: AccountFacts | None = field(default=None)
    token_hint: str = "…"  # noqa: S105 - the masked form is what may be shown


def token_kind(provider: str, account_id: UUID) -> str:
    """The ``kind`` a token is sealed under; its ``owner`` is the user's id as text.

    Provider and account are part of it, so that a sealed token moved to another row, or a row pointed at another
    provider, does not open.
    """
    return f"account_token:{provider}:{account_id}"


def proxy_kind(provider: str, account_id: UUID) -> str:
    """The ``kind`` an account's egress proxy URL is sealed under; see ``token_kind``."""
    return f"account_proxy:{provider}:{account_id}"
