"""Finding out what a provider without a cache check has: by adding a torrent, looking, and removing it again.

Off unless the operator sets a budget. Every try is counted in the account ledger, per day and account. What was in the
account before is never touched: a torrent that is listed there, that a job counts on, or that the provider says it had
already is looked at, never removed.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.availability import Availability
from sluicegate.core.errors import SluicegateError
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import Allowance, Ledger, Priority
from sluicegate.core.ports import Providers, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.sources import SourceKind
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.gateway_learned import LearnedAvailability
from sluicegate.services.listing import list_all

__all__ = ["AvailabilityProbing"]

_log: Final = logging.getLogger(__name__)

_NEEDED: Final = frozenset({Capability.MAGNET, Capability.LIST, Capability.GET, Capability.REMOVE})
_CLASS: Final = "probe"
_DAY: Final = 86_400.0
_WAITING_MAX: Final = 200
_TRIED_MAX: Final = 10_000
_LOOKS: Final = 6
_PAUSE: Final = 1.0
_DEADLINE: Final = 60.0
_CLEAN_SECONDS: Final = 60.0


class AvailabilityProbing:
    """Tries hashes one after the other, in the background of one process.

    Args:
        transactions: the database.
        providers: makes adapters.
        ledger: counts the tries.
        learned: what was found out goes there.
        per_day: tries a day and account; 0 switches it off.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        ledger: Ledger,
        learned: LearnedAvailability,
        *,
        per_day: int,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._ledger = ledger
        self._learned = learned
        self._per_day = per_day
        self._waiting: OrderedDict[tuple[UUID, str], Account] = OrderedDict()
        self._tried: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def consider(self, account: Account, hashes: Sequence[str]) -> None:
        """Notes hashes that the account's provider cannot tell about. Costs nothing, and never waits."""
        if self._per_day <= 0 or not self._providers.kind(account.provider).capabilities() >= _NEEDED:
            return
        for info_hash in hashes:
            fresh = self._tried.get((account.provider, info_hash), 0.0) < time.monotonic()
            if fresh and len(self._waiting) < _WAITING_MAX:
                self._waiting[account.id, info_hash] = account
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="availability probing")

    async def aclose(self) -> None:
        """Ends it; a torrent that was added is removed before."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._waiting:
            (_, info_hash), account = self._waiting.popitem(last=False)
            try:
                await self._try(account, info_hash)
            except SluicegateError as error:
                _log.info("what %s has could not be found out: %s", account.provider, error.code)

    async def _try(self, account: Account, info_hash: str) -> None:
        if not await self._within_budget(account):
            self._waiting.clear()
            return
        self._tried[account.provider, info_hash] = time.monotonic() + _DAY
        while len(self._tried) > _TRIED_MAX:
            self._tried.popitem(last=False)
        async with self._transactions() as tx:
            if await tx.held_copies.wanted(account.id, info_hash):
                return
            credential = await tx.accounts.credential(account.id)
        async with self._providers.open(account.provider, credential, priority=Priority.BACKGROUND) as provider:
            cached = await self._probe(provider, account, info_hash)
        self._learned.learn(account.provider, [Availability(info_hash, cached)])

    async def _within_budget(self, account: Account) -> bool:
        allowance = Allowance(CallLimit(_CLASS, self._per_day, _DAY, "set by the operator"), self._per_day)
        turn = await self._ledger.take(f"{account.id}:{_CLASS}", _CLASS, [allowance], ended=())
        return turn.ticket is not None and turn.wait == 0

    async def _probe(self, provider: Provider, account: Account, info_hash: str) -> bool | None:
        before = await list_all(provider)
        if any(transfer.info_hash is None and transfer.kind is SourceKind.TORRENT for transfer in before):
            return None  # it may be one of these
        there = next((transfer for transfer in before if transfer.info_hash == info_hash), None)
        if there is not None:
            return True if there.state is TransferState.READY else None
        submission = await provider.submit_magnet(parse_info_hash(info_hash))
        if submission.existing or any(transfer.id == submission.transfer_id for transfer in before):
            return None
        try:
            async with asyncio.timeout(_DEADLINE):
                return await _look(provider, submission.transfer_id)
        except TimeoutError:
            return None
        finally:
            await asyncio.shield(self._clean(provider, account, submission.transfer_id, info_hash))

    async def _clean(self, provider: Provider, account: Account, transfer_id: str, info_hash: str) -> None:
        """Removes what was added, unless a job has come to count on it meanwhile."""
        try:
            async with asyncio.timeout(_CLEAN_SECONDS):
                async with self._transactions() as tx:
                    wanted = await tx.held_copies.wanted(account.id, info_hash)
                if not wanted:
                    await provider.remove(transfer_id)
        except (SluicegateError, TimeoutError):
            _log.warning("a torrent that was added to find out about it is still at %s", account.provider)


async def _look(provider: Provider, transfer_id: str) -> bool | None:
    """True when all bytes are there at once, False when they begin to be downloaded, None when it does not show."""
    for _ in range(_LOOKS):
        transfer: Transfer = await provider.get(transfer_id)
        if transfer.state is TransferState.READY:
            return True
        if transfer.state is TransferState.SELECTING and provider.can(Capability.SELECT):
            await provider.select(transfer_id)
            continue
        if transfer.state is TransferState.FAILED:
            return None
        if transfer.state is TransferState.DOWNLOADING:
            return False
        await asyncio.sleep(_PAUSE)
    return None
