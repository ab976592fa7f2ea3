"""The operator's shared pool: the accounts of one user that the operator has named, and of nobody else."""

from collections.abc import Sequence
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.cascade import CascadeRules, Group
from sluicegate.core.errors import NotFound
from sluicegate.core.ports import UnitOfWork

__all__ = ["shared_accounts"]


async def shared_accounts(tx: UnitOfWork, user_id: UUID, rules: CascadeRules) -> Sequence[Account]:
    """The accounts of the pool for a user, oldest first; none for the pool's own user, whose accounts they are."""
    if not rules.pool_user or Group.POOL not in rules.order:
        return []
    try:
        owner = await tx.users.by_name(rules.pool_user)
    except NotFound:
        return []
    if owner.id == user_id:
        return []
    return [account for account in await tx.accounts.page(owner.id) if account.provider in rules.pool_order]
