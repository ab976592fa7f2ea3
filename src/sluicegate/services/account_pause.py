"""Pausing an account when only a person can mend it: its jobs wait, nothing is lost, and the reason says what to do."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.errors import NotFound, Retry, SluicegateError, UpstreamError, UpstreamPlanRequired
from sluicegate.core.ports import UnitOfWorkFactory

__all__ = ["calls_for_a_person", "is_usable", "pause_account"]


def is_usable(account: Account) -> bool:
    """Whether calls may be spent on it."""
    return account.state in {AccountState.OK, AccountState.UNTESTED}


def calls_for_a_person(error: SluicegateError, account: Account) -> bool:
    """Whether an error means that the account is of no use until somebody acts.

    A premium account that lacks one feature (Usenet on a small plan) still serves everything else.
    """
    if not isinstance(error, UpstreamError) or error.retry is not Retry.AFTER_CHANGE:
        return False
    premium = account.facts is not None and account.facts.premium is True
    return not (isinstance(error, UpstreamPlanRequired) and premium)


async def pause_account(
    transactions: UnitOfWorkFactory, account_id: UUID, error: SluicegateError, at: datetime
) -> None:
    """Pauses an account with the error's words as its reason; one that is switched off or gone is left alone."""
    async with transactions() as tx:
        try:
            account = await tx.accounts.get(account_id)
        except NotFound:
            return
        if not is_usable(account):
            return
        words = f"{error.detail} {error.action}"
        await tx.accounts.update(replace(account, state=AccountState.PAUSED, reason=words, checked_at=at))
