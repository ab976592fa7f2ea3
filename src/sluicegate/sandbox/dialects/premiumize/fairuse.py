"""The fair-use budget: points spent by jobs and direct links, flowing back over thirty days."""

from typing import Final

from sluicegate.sandbox.accounts import DAY, Account
from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.dialects.premiumize.answers import QUOTA, refuse

__all__ = ["FairUse"]

_BUDGET: Final = 1000 * 1024**3
_PER_SECOND: Final = _BUDGET / (30 * DAY)


class FairUse:
    """1000 points of one GiB each; the size of the budget is the sandbox's own, nobody published it."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world

    def used(self, account: Account) -> float:
        """The spent share, 0 to 1 or a little more."""
        return self._bytes(account) / _BUDGET

    def spend(self, account: Account, size: int) -> None:
        """Pay for a job or a link; refused when nothing is left."""
        if self._dialect.limited and self.used(account) >= 1:
            raise refuse(*QUOTA)
        spent = self._bytes(account) + size
        self._world.keep_record(account, "fair use", "spent", {"bytes": spent, "at": self._world.clock.now()})

    def _bytes(self, account: Account) -> float:
        kept = self._world.record(account, "fair use", "spent") or {"bytes": 0.0, "at": 0.0}
        returned = (self._world.clock.now() - float(kept["at"])) * _PER_SECOND
        return max(0.0, float(kept["bytes"]) - returned)
