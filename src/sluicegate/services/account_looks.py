"""What is known about each account's sync, for its owner: how the last look went, what is missing or held back."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.errors import IllegalMove, NotFound
from sluicegate.core.looks import Look
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.services.account_pause import is_usable
from sluicegate.services.sync import SyncService
from sluicegate.services.task_kinds import sync_task

__all__ = ["AccountLook", "AccountLooks"]

_AT_ONCE: Final = 8
_PATIENCE: Final = 25.0
_CONFIRMED_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AccountLook:
    """An account and the last look at it, None before the first.

    Attributes:
        under_way: it was asked for and has not ended yet.
    """

    account: Account
    look: Look | None
    under_way: bool = False


class AccountLooks:
    """Reading, asking now, and confirming what the brake holds."""

    def __init__(self, transactions: UnitOfWorkFactory, sync: SyncService, clock: Clock) -> None:
        self._transactions = transactions
        self._sync = sync
        self._clock = clock

    async def page(self, user_id: UUID) -> list[AccountLook]:
        """All accounts of a user, oldest first."""
        async with self._transactions() as tx:
            accounts = await tx.accounts.page(user_id)
            looks = await tx.looks.of([account.id for account in accounts])
        return [AccountLook(account, looks.get(account.id)) for account in accounts]

    async def look_now(self, user_id: UUID) -> list[AccountLook]:
        """Asks all usable accounts of a user at once; one that takes too long goes on without being waited for."""
        async with self._transactions() as tx:
            accounts = [account for account in await tx.accounts.page(user_id) if is_usable(account)]
        late = await self._ask(accounts)
        return [AccountLook(one.account, one.look, one.account.id in late) for one in await self.page(user_id)]

    async def confirm(self, user_id: UUID, account_id: UUID) -> AccountLook:
        """A person says that what vanished is really gone: it is marked with the next look, which comes at once.

        Raises:
            NotFound: unknown or foreign account.
            IllegalMove: nothing is held back.
        """
        async with self._transactions() as tx:
            account = next((one for one in await tx.accounts.page(user_id) if one.id == account_id), None)
            if account is None:
                raise NotFound("There is no such account.")
            look = (await tx.looks.of([account_id])).get(account_id)
            if look is None or not look.held:
                raise IllegalMove("Nothing of this account is held back.", action="There is nothing to confirm.")
            await tx.looks.confirm(account_id, look.held, self._clock.now() + _CONFIRMED_FOR)
        late = await self._ask([account])
        found = next((one for one in await self.page(user_id) if one.account.id == account_id), None)
        return AccountLook(account, look, under_way=True) if found is None or late else found

    async def _ask(self, accounts: Sequence[Account]) -> set[UUID]:
        """Looks at accounts for a while; those whose look has not ended, which the worker takes over."""
        gate = asyncio.Semaphore(_AT_ONCE)
        done: set[UUID] = set()

        async def one(account: Account) -> None:
            async with gate:
                await self._sync.run(account.provider, account.id, now=True)
            done.add(account.id)

        looks = [asyncio.create_task(one(account)) for account in accounts]
        if looks:
            _, pending = await asyncio.wait(looks, timeout=_PATIENCE)
            for look in pending:
                look.cancel()
            await asyncio.gather(*looks, return_exceptions=True)
        late = {account.id for account in accounts} - done
        async with self._transactions() as tx:
            for account in accounts:
                if account.id in late:
                    await tx.tasks.add(sync_task(account.provider, account.id))
        return late
