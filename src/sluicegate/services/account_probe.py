"""Asking accounts at once whether they have a hash, with one deadline."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.availability import Availability
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import SluicegateError, UpstreamTimeout
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWorkFactory
from sluicegate.core.provider import Capability
from sluicegate.core.sources import Magnet, Source, TorrentFile
from sluicegate.services.account_pause import is_usable
from sluicegate.services.availability_batches import AvailabilityBatches

__all__ = ["AccountProbe", "Answer"]

_DEADLINE: Final = 5.0
_REMEMBERED_SECONDS: Final = 120.0
"""A waiting job tries again and again; what was told a moment ago need not be asked again."""
_REMEMBERED_MAX: Final = 10_000
_LEARNED: Final = timedelta(days=14)
"""How long a hit is believed of a provider that cannot be asked; caches keep things for weeks."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one account and one hash.

    Attributes:
        cached: True, False, or None for unknown.
        size: bytes of the content, when told.
        error: why nothing was told, where that may pass.
        origin: ``provider`` when it was asked just now, ``remembered`` when a moment ago, ``learned`` when we have seen
            it there before, ``silent`` for a provider that does not tell.
        latency_ms: how long the provider took, None when it was not asked.
    """

    cached: bool | None
    size: int | None = None
    error: SluicegateError | None = None
    origin: str = "provider"
    latency_ms: int | None = None


class AccountProbe:
    """Three-valued availability over accounts; a fault or a slow provider is "unknown", never "no"."""

    def __init__(self, transactions: UnitOfWorkFactory, providers: Providers, clock: Clock | None = None) -> None:
        self._transactions = transactions
        self._providers = providers
        self._clock = clock or SystemClock()
        self._batches = AvailabilityBatches(self._ask)
        self._told: OrderedDict[tuple[UUID, str], tuple[float, Availability]] = OrderedDict()

    async def answers_of(self, own: Sequence[Account], pool: Sequence[Account], source: Source) -> dict[UUID, Answer]:
        """As ``answers``; the shared accounts are only asked when none of the user's own has it."""
        answers = await self.answers(own, source)
        if not any(answer.cached for answer in answers.values()):
            answers |= await self.answers(pool, source)
        return answers

    async def answers(self, accounts: Sequence[Account], source: Source) -> dict[UUID, Answer]:
        """An answer for each account that can be used; none at all for a source without a hash."""
        if not isinstance(source, Magnet | TorrentFile):
            return {}
        asked = [account for account in accounts if is_usable(account)]
        answers = await asyncio.gather(*(self._answer(account, source.info_hash) for account in asked))
        return dict(zip((account.id for account in asked), answers, strict=True))

    async def _answer(self, account: Account, info_hash: str) -> Answer:
        if not self._providers.kind(account.provider).can(Capability.AVAILABILITY):
            return await self._learned(account.provider, info_hash)
        told = self._told.get((account.id, info_hash))
        if told is not None and told[0] > self._clock.monotonic():
            return Answer(told[1].cached, told[1].size, origin="remembered")
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(_DEADLINE):
                answer = await self._batches.ask(account, info_hash)
        except TimeoutError:
            error = UpstreamTimeout("It did not say in time whether it has this.", provider=account.provider)
            return Answer(None, error=error, latency_ms=self._elapsed(started))
        except SluicegateError as error:
            return Answer(None, error=error, latency_ms=self._elapsed(started))
        self._remember(account.id, answer)
        return Answer(answer.cached, answer.size, latency_ms=self._elapsed(started))

    async def _ask(self, account: Account, hashes: Sequence[str]) -> Sequence[Availability]:
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(account.id)
        async with self._providers.open(account.provider, credential, priority=Priority.BACKGROUND) as provider:
            return await provider.availability(hashes)

    async def _learned(self, provider: str, info_hash: str) -> Answer:
        async with self._transactions() as tx:
            facts = await tx.learned.known(provider, [info_hash])
        for fact in facts:
            if fact.cached and self._clock.now() - fact.seen_at < _LEARNED:
                return Answer(cached=True, size=fact.size, origin="learned")
        return Answer(None, origin="silent")

    def _elapsed(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)

    def _remember(self, account_id: UUID, answer: Availability) -> None:
        if answer.cached is None:
            return
        key = (account_id, answer.info_hash)
        self._told[key] = (self._clock.monotonic() + _REMEMBERED_SECONDS, answer)
        self._told.move_to_end(key)
        if len(self._told) > _REMEMBERED_MAX:
            self._told.popitem(last=False)
