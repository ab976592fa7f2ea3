"""Whether hashes are there at once: over a user's accounts, our own storage and what we have seen before.

Three values: true, false, and null for "nobody knows". One account that fails or is slow makes its own answer unknown
and nobody else's. What a provider has is a fact about the provider, so of several accounts there one is asked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.availability import Availability, HeldCopy
from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.errors import InvalidInput, SluicegateError
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.services.account_pause import is_usable

__all__ = ["HASHES_MAX", "AccountAnswer", "AvailabilityService", "HashAnswer", "Learned", "read_hashes"]

HASHES_MAX: Final = 100
"""Hashes of one call (library sheet, section 5.12)."""

_DEADLINE: Final = 10.0
_TOO_SLOW: Final = "It did not answer in time."
_TEXT_MAX: Final = 64


class Learned(Protocol):
    """What we have seen before, and asking about the rest (``services.gateway_learned``)."""

    async def check(self, provider: Provider, hashes: Sequence[str], *, list_files: bool) -> list[Availability]:
        """One answer per hash, in order. Raises UpstreamError."""
        ...


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What one provider of the user's says about one hash; ``error`` says in words why it could not be asked."""

    provider: str
    answer: Availability
    error: str = ""


@dataclass(frozen=True, slots=True)
class HashAnswer:
    """Everything that is known about one hash.

    Attributes:
        cached: True when anybody has it at once, False when everybody says no, None otherwise.
        stored: whether our own storage has it.
        best: the answer that decided, None when nobody could be asked.
        answers: by provider, in the order of the accounts.
        error: why nobody was asked, empty when somebody was.
    """

    info_hash: str
    cached: bool | None
    stored: bool
    best: Availability | None
    answers: tuple[AccountAnswer, ...]
    error: str = ""


class AvailabilityService:
    """Answers bulk checks.

    Args:
        transactions: the database.
        providers: makes adapters.
        learned: the shared memory of facts.
        clock: dates answers.
        share_copies: whether what is stored for one user counts for another one.
        curious: told which hashes an account's provider cannot tell about, to try them where the operator allows it.
        gate: refuses content that nobody is to be asked about.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        learned: Learned,
        clock: Clock,
        *,
        share_copies: bool = False,
        curious: Callable[[Account, Sequence[str]], None] | None = None,
        gate: ContentGate = OPEN_GATE,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._learned = learned
        self._clock = clock
        self._share_copies = share_copies
        self._curious = curious
        self._gate = gate

    async def check(self, user_id: UUID, hashes: Sequence[str], *, list_files: bool = False) -> list[HashAnswer]:
        """One answer for each hash, in order; a failing account is no error."""
        blocked = await self._blocked(hashes)
        asked = [info_hash for info_hash in hashes if info_hash not in blocked]
        answers = {answer.info_hash: answer for answer in await self._ask_all(user_id, asked, list_files=list_files)}
        for info_hash, words in blocked.items():
            answers[info_hash] = HashAnswer(info_hash, None, stored=False, best=None, answers=(), error=words)
        return [answers[info_hash] for info_hash in hashes]

    async def _blocked(self, hashes: Sequence[str]) -> dict[str, str]:
        blocked = {}
        for info_hash in hashes:
            try:
                await self._gate.check_job(info_hash, "", "")
            except SluicegateError as refusal:
                blocked[info_hash] = refusal.detail
        return blocked

    async def _ask_all(self, user_id: UUID, hashes: Sequence[str], *, list_files: bool) -> list[HashAnswer]:
        if not hashes:
            return []
        async with self._transactions() as tx:
            accounts = [account for account in await tx.accounts.page(user_id) if is_usable(account)]
            copies = await tx.held_copies.of(user_id, hashes, everybody=self._share_copies)
        by_provider = _by_provider(accounts)
        held = _held(copies, user_id, {account.id for account in accounts})
        asked = await asyncio.gather(
            *(self._provider(group, hashes, held, list_files=list_files) for group in by_provider.values())
        )
        stored = {copy.info_hash: copy for copy in copies if copy.stored}
        return [
            _merged(info_hash, stored.get(info_hash), tuple(answers[place] for answers in asked))
            for place, info_hash in enumerate(hashes)
        ]

    async def _provider(
        self,
        accounts: Sequence[Account],
        hashes: Sequence[str],
        held: Mapping[tuple[str, str], Availability],
        *,
        list_files: bool,
    ) -> list[AccountAnswer]:
        """Answers of one provider through the first of the user's accounts there that can be asked."""
        name = accounts[0].provider
        told, error = await self._ask_first(accounts, hashes, list_files=list_files)
        answers = [held.get((name, answer.info_hash), self._dated(answer)) for answer in told]
        unknown = [answer.info_hash for answer in answers if answer.cached is None]
        silent = not self._providers.kind(name).can(Capability.AVAILABILITY)
        if unknown and silent and not error and self._curious is not None:
            self._curious(accounts[0], unknown)
        return [AccountAnswer(name, answer, error if answer.cached is None else "") for answer in answers]

    async def _ask_first(
        self, accounts: Sequence[Account], hashes: Sequence[str], *, list_files: bool
    ) -> tuple[list[Availability], str]:
        error = ""
        for account in accounts:
            try:
                async with asyncio.timeout(_DEADLINE):
                    return await self._ask(account, hashes, list_files=list_files), ""
            except TimeoutError:
                error = _TOO_SLOW
            except SluicegateError as refusal:
                error = refusal.detail
        return [Availability(info_hash, None) for info_hash in hashes], error

    async def _ask(self, account: Account, hashes: Sequence[str], *, list_files: bool) -> list[Availability]:
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(account.id)
        async with self._providers.open(account.provider, credential, priority=Priority.SYNC) as provider:
            return await self._learned.check(provider, hashes, list_files=list_files)

    def _dated(self, answer: Availability) -> Availability:
        if answer.cached is None or answer.checked_at is not None:
            return answer
        return replace(answer, checked_at=self._clock.now())


def read_hashes(texts: Iterable[str]) -> list[str]:
    """Hashes of one or several comma-separated lists, each once, as 40 lower-case hex characters.

    Raises:
        InvalidInput: none, too many, or something that is no info hash.
    """
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    if not words or len(words) > HASHES_MAX:
        raise InvalidInput(f"Send 1 to {HASHES_MAX} info hashes as 'hashes', separated by commas.", field="hashes")
    if any(len(word) > _TEXT_MAX for word in words):
        raise InvalidInput("An info hash has 40 hexadecimal or 32 base32 characters.", field="hashes")
    return list(dict.fromkeys(parse_info_hash(word).info_hash for word in words))


def _by_provider(accounts: Iterable[Account]) -> Mapping[str, list[Account]]:
    groups: defaultdict[str, list[Account]] = defaultdict(list)
    for account in accounts:
        groups[account.provider].append(account)
    return groups


def _held(copies: Iterable[HeldCopy], user_id: UUID, account_ids: set[UUID]) -> dict[tuple[str, str], Availability]:
    """What the user's own ready jobs prove, by provider and hash."""
    return {
        (copy.provider, copy.info_hash): Availability(
            copy.info_hash, cached=True, origin="held", checked_at=copy.updated_at, name=copy.name, size=copy.size
        )
        for copy in copies
        if copy.user_id == user_id and copy.account_id in account_ids
    }


def _merged(info_hash: str, stored: HeldCopy | None, answers: tuple[AccountAnswer, ...]) -> HashAnswer:
    told = [answer.answer for answer in answers]
    if stored is not None:
        told.insert(0, Availability(info_hash, True, "stored", stored.updated_at, stored.name, stored.size))  # noqa: FBT003 - the verdict
    hits = [answer for answer in told if answer.cached]
    unknown = [answer for answer in told if answer.cached is None]
    best = next(iter([*hits, *unknown, *told]), None)
    return HashAnswer(info_hash, best.cached if best else None, stored is not None, best, answers)
