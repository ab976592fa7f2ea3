"""Torrin's plans, and which one an account is on."""

from dataclasses import dataclass
from typing import Any, Final

from sluicegate.sandbox.accounts import Account

__all__ = ["PLANS", "Tariff", "paused", "tariff"]

_GB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Tariff:
    """One plan: slots for active jobs, bytes of the largest torrent, usenet or not."""

    id: str
    cents: int
    slots: int
    largest: int
    usenet: bool

    def shown(self) -> dict[str, Any]:
        """As ``/api/me`` and ``/api/plans`` tell it."""
        return {
            "id": self.id,
            "name": self.id.capitalize(),
            "monthly_price_cents": self.cents,
            "yearly_price_cents": self.cents * 10,
            "lifetime_price_cents": 0,
            "day_prices": {},
            "max_concurrent_jobs": self.slots,
            "max_torrent_bytes": self.largest,
            "cached_streams": 0,
            "priority": self.slots * 5,
            "features": ["usenet", "webdav"] if self.usenet else ["webdav"],
            "badge": "popular" if self.id == "standard" else "",
            "system_usenet": self.usenet,
        }


PLANS: Final = {
    "free": Tariff("free", 0, 1, 50 * _GB, usenet=False),
    "starter": Tariff("starter", 300, 2, 100 * _GB, usenet=False),
    "standard": Tariff("standard", 500, 4, 250 * _GB, usenet=True),
    "pro": Tariff("pro", 1000, 8, 1024 * _GB, usenet=True),
}


def tariff(account: Account) -> Tariff:
    """``sandbox-starter-<name>`` and ``sandbox-pro-<name>`` say their plan; other paid accounts are on standard."""
    if not account.premium:
        return PLANS["free"]
    return PLANS.get(account.name.partition("-")[0], PLANS["standard"])


def paused(account: Account) -> bool:
    """``sandbox-paused-<name>`` has stopped its subscription for a while."""
    return account.name.startswith("paused-")
