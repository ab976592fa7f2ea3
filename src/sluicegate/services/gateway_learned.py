"""Availability answered from what we have seen before a provider is asked, and remembered whenever one has answered.

Only facts about a provider are kept and shared between users: never a link, never who asked. Providers that cannot tell
what they have are known from their finished transfers alone; what nobody has seen stays unknown.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sluicegate.core.availability import Availability
from sluicegate.core.errors import SluicegateError
from sluicegate.core.learned import LearnedFact
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.sources import SourceKind
from sluicegate.core.transfers import Transfer, TransferState

__all__ = ["LearnedAvailability", "Word"]

_log: Final = logging.getLogger(__name__)

_HIT_SECONDS: Final = 3_600.0
"""How long a hit is believed where the provider could be asked again; caches keep popular things for weeks."""
_MISS_SECONDS: Final = 20.0
"""How long a miss is: somebody may be fetching it right now."""
_STALE_HIT: Final = timedelta(days=14)
"""How long a hit is believed where the provider cannot be asked."""
_FACTS_MAX: Final = 100_000
"""Per provider; some 60 MB when all seven are full and worded."""
_WAITING_MAX: Final = 50_000


Word = Callable[[Availability], bytes]
"""How a surface words an answer."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer that is remembered; from ``until`` on (monotonic clock) it is asked for again."""

    until: float
    answer: Availability


class LearnedAvailability:
    """The memory of one process over the table that all share; ``flush`` writes what was learnt."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock
        self._seen: defaultdict[str, dict[str, _Known]] = defaultdict(dict)
        self._worded: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self._ends: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
        self._ended = int(time.monotonic())
        self._waiting: dict[tuple[str, str], LearnedFact] = {}

    def worded(self, provider: str, hashes: Sequence[str], word: Word) -> list[bytes] | None:
        """The answers in the surface's words, if all are known freshly enough not to ask; else None. Never waits.

        Words are kept as long as their answer is believed: popular hashes are asked for all day, hundreds at a time.
        """
        now = time.monotonic()
        if self._ended < int(now):
            self._drop_ended(int(now))
        worded = self._worded[provider]
        try:
            return list(map(worded.__getitem__, hashes))
        except KeyError:
            return self._word(provider, hashes, word, now)

    async def check(self, provider: Provider, hashes: Sequence[str], *, list_files: bool) -> list[Availability]:
        """One answer per hash, in order; asks the provider about what is not known.

        Raises:
            UpstreamError: the provider was asked and failed.
        """
        wanted = list(dict.fromkeys(hashes))
        asks = provider.can(Capability.AVAILABILITY)
        known = {} if list_files and asks else await self._known(provider.name, wanted, stale=not asks)
        missing = [info_hash for info_hash in wanted if info_hash not in known]
        if missing and asks:
            answers = await provider.availability(missing)
            self.learn(provider.name, answers)
            known |= {answer.info_hash: answer for answer in answers}
        return [known.get(info_hash) or Availability(info_hash, None) for info_hash in hashes]

    def learn(self, provider: str, answers: Iterable[Availability]) -> None:
        """Remembers what a provider said."""
        now, moment = self._clock.now(), time.monotonic()
        for answer in answers:
            if answer.cached is None:
                continue
            fact = LearnedFact(provider, answer.info_hash, answer.cached, now, answer.name, answer.size)
            self._remember(fact, moment)
            if len(self._waiting) < _WAITING_MAX:
                self._waiting[provider, answer.info_hash] = fact

    def learn_finished(self, provider: Provider, transfers: Iterable[Transfer]) -> None:
        """A finished torrent is there at once for the next account too; who can be asked knows better than we do."""
        if provider.can(Capability.AVAILABILITY):
            return
        self.learn(
            provider.name,
            (
                Availability(transfer.info_hash, cached=True, name=transfer.name, size=transfer.size)
                for transfer in transfers
                if transfer.state is TransferState.READY and transfer.kind is SourceKind.TORRENT and transfer.info_hash
            ),
        )

    async def flush(self) -> None:
        """Writes what was learnt since the last time; what cannot be written now is forgotten, not lost work."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            async with self._transactions() as tx:
                await tx.learned.learn(list(waiting.values()))
        except SluicegateError as error:
            _log.warning("%d facts about availability could not be kept: %s", len(waiting), error.detail)

    async def forget_old(self) -> None:
        """Deletes what is too old to be believed."""
        async with self._transactions() as tx:
            await tx.learned.forget(self._clock.now() - _STALE_HIT)

    async def _known(self, provider: str, hashes: Sequence[str], *, stale: bool) -> dict[str, Availability]:
        moment = time.monotonic()
        known, others = {}, []
        for info_hash in hashes:
            found = self._seen[provider].get(info_hash)
            if found is not None and found.until >= moment:
                known[info_hash] = found.answer
            else:
                others.append(info_hash)
        if others:
            async with self._transactions() as tx:
                facts = await tx.learned.known(provider, others)
            now = self._clock.now()
            for fact in facts:
                age = now - fact.seen_at
                if age.total_seconds() < _believed(fact) or (stale and fact.cached and age < _STALE_HIT):
                    known[fact.info_hash] = self._remember(fact, moment - age.total_seconds())
        return known

    def _word(self, provider: str, hashes: Sequence[str], word: Word, now: float) -> list[bytes] | None:
        seen, worded = self._seen[provider], self._worded[provider]
        known = [seen.get(info_hash) for info_hash in hashes]
        if not all(found is not None and found.until > now for found in known):
            return None
        for info_hash, found in zip(hashes, known, strict=True):
            if found is not None and info_hash not in worded:
                worded[info_hash] = word(found.answer)
                self._ends[int(found.until)].append((provider, info_hash))
        return [worded[info_hash] for info_hash in hashes]

    def _drop_ended(self, now: int) -> None:
        """Forgets the words of answers that are believed no longer, up to a second early, so that none is looked at."""
        for second in range(self._ended, now + 1):
            for provider, info_hash in self._ends.pop(second, ()):
                found = self._seen[provider].get(info_hash)
                if found is None or int(found.until) <= now:
                    self._worded[provider].pop(info_hash, None)
        self._ended = now

    def _remember(self, fact: LearnedFact, seen: float) -> Availability:
        answer = Availability(fact.info_hash, fact.cached, "learned", fact.seen_at, fact.name, fact.size)
        known = self._seen[fact.provider]
        known.pop(fact.info_hash, None)
        self._worded[fact.provider].pop(fact.info_hash, None)
        while len(known) >= _FACTS_MAX:
            oldest = next(iter(known))
            del known[oldest]
            self._worded[fact.provider].pop(oldest, None)
        known[fact.info_hash] = _Known(seen + _believed(fact), answer)
        return answer


def _believed(fact: LearnedFact) -> float:
    return _HIT_SECONDS if fact.cached else _MISS_SECONDS
