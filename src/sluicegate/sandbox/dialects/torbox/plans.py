"""Plans: slots, sizes, monthly downloads."""

from typing import Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.dialects.torbox.answers import refuse, stamp

__all__ = ["PRO", "auth_id", "check_month", "check_size", "check_slots", "plan_of", "slots_of"]

PRO: Final = 2
"""The plan of premium tokens. The numbers are not in order of value: 0 Free, 1 Essential, 2 Pro, 3 Standard."""

_FREE: Final = 0
_SLOTS: Final = {_FREE: 1, PRO: 10}
_SIZES: Final = {_FREE: 10_737_418_240, PRO: 536_870_912_000}
_FREE_MONTH: Final = 10


def plan_of(account: Account) -> int:
    """The plan number of an account."""
    return PRO if account.premium else _FREE


def auth_id(account: Account) -> str:
    """The account's UUID."""
    text = (account.id * 2)[:32]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-9{text[17:20]}-{text[20:32]}"


def slots_of(account: Account) -> int:
    """Downloads that may run at once."""
    return _SLOTS[plan_of(account)]


def check_slots(dialect: Dialect, account: Account) -> None:
    """Refuse when all slots are busy."""
    if not dialect.limited:
        return
    active = len(dialect.world.active(account))
    if active >= slots_of(account):
        raise refuse("ACTIVE_LIMIT", {"active_limit": slots_of(account), "current_active_downloads": active})


def check_size(dialect: Dialect, account: Account, size: int) -> None:
    """Refuse what is larger than the plan allows."""
    if dialect.limited and size > _SIZES[plan_of(account)]:
        raise refuse("DOWNLOAD_TOO_LARGE")


def check_month(dialect: Dialect, account: Account) -> None:
    """Count a download of a free account; the eleventh of a month is refused."""
    if account.premium or not dialect.limited:
        return
    month = stamp(dialect.world.clock.now())[:7]
    used = int(dialect.world.record(account, "months", month) or 0)
    if used >= _FREE_MONTH:
        raise refuse("MONTHLY_LIMIT", {"monthly_limit": _FREE_MONTH, "current_downloads": used})
    dialect.world.keep_record(account, "months", month, used + 1)
