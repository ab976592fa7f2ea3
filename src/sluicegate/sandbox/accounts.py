"""Who a token belongs to: in the sandbox the token itself says what the account is."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["DAY", "HOUSE_NAMES", "Account", "Plan", "account_of"]

HOUSE_NAMES: Final = ("realdebrid", "alldebrid", "premiumize", "torbox", "debridlink", "torrin", "smokedebrid")
"""Every provider by the name that control calls and paths use."""

DAY: Final = 86_400
"""Seconds."""

_PREMIUM_DAYS: Final = 120
_LAPSED_DAYS: Final = 10


class Plan(StrEnum):
    """What the account may do."""

    PREMIUM = "premium"
    FREE = "free"
    EXPIRED = "expired"
    """Premium once; now like free."""
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Account:
    """One account at one provider.

    Attributes:
        provider: house name.
        id: 16 hex characters derived from provider and token; the token itself is kept nowhere.
        name: the part of the token behind ``sandbox-``; never secret.
        plan: as the token says.
    """

    provider: str
    id: str
    name: str
    plan: Plan

    @property
    def premium(self) -> bool:
        """True for a paid, working account."""
        return self.plan is Plan.PREMIUM

    @property
    def number(self) -> int:
        """A stable positive number for providers whose user ids are integers."""
        return int(self.id[:8], 16) % 9_000_000 + 1_000_000

    def premium_until(self, now: float) -> int:
        """End of the paid time in Unix seconds: whole days ahead, days ago when lapsed, 0 for free accounts."""
        today = int(now) // DAY * DAY
        if self.plan is Plan.FREE:
            return 0
        return today - _LAPSED_DAYS * DAY if self.plan is Plan.EXPIRED else today + _PREMIUM_DAYS * DAY


def account_of(provider: str, token: str | None, *, any_token: bool = False) -> Account | None:
    """The account behind a token, or None for a token that nobody was given.

    ``sandbox-<name>`` is premium, ``sandbox-free-<name>``, ``sandbox-expired-<name>`` and ``sandbox-locked-<name>`` say
    what they are. With ``any_token`` (SmokeDebrid) every other non-empty token is a premium account too.
    """
    if not token:
        return None
    digest = hashlib.sha256(f"{provider}\0{token}".encode()).hexdigest()[:16]
    if any_token:
        return Account(provider, digest, "smoke-" + digest[:6], Plan.PREMIUM)
    house, _, name = token.partition("-")
    if house != "sandbox" or not name:
        return None
    word, _, rest = name.partition("-")
    plan = Plan(word) if rest and word in {Plan.FREE, Plan.EXPIRED, Plan.LOCKED} else Plan.PREMIUM
    return Account(provider, digest, name, plan)
