"""Asking all of a user's accounts at once whether they have a hash, with one deadline."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.errors import SluicegateError
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Providers, UnitOfWorkFactory
from sluicegate.core.provider import Capability
from sluicegate.core.sources import Magnet, Source, TorrentFile

__all__ = ["AccountProbe"]

_DEADLINE: Final = 5.0


class AccountProbe:
    """Three-valued availability over accounts; a fault or a slow provider is "unknown", never "no"."""

    def __init__(self, transactions: UnitOfWorkFactory, providers: Providers) -> None:
        self._transactions = transactions
        self._providers = providers

    async def cached(self, accounts: Sequence[Account], source: Source) -> dict[UUID, bool | None]:
        """For each account that can tell: True, False, or None when it did not answer in time."""
        if not isinstance(source, Magnet | TorrentFile):
            return {}
        asked = [
            account
            for account in accounts
            if account.state in {AccountState.OK, AccountState.UNTESTED}
            and self._providers.kind(account.provider).can(Capability.AVAILABILITY)
        ]
        answers = await asyncio.gather(*(self._ask(account, source.info_hash) for account in asked))
        return dict(zip((account.id for account in asked), answers, strict=True))

    async def _ask(self, account: Account, info_hash: str) -> bool | None:
        try:
            async with asyncio.timeout(_DEADLINE):
                async with self._transactions() as tx:
                    credential = await tx.accounts.credential(account.id)
                async with self._providers.open(account.provider, credential, priority=Priority.BACKGROUND) as provider:
                    (answer,) = await provider.availability([info_hash])
                    return answer.cached
        except (SluicegateError, TimeoutError):
            return None
