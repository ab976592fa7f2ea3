"""Spends an account's upstream calls within its published limits, and keeps away while the provider asks for rest.

A turn is taken before each call: ``async with pacing.turn(account, limits, calls="link", priority=Priority.PLAY)``.
What the block raises teaches: a limit or cool-down that the provider reports lets the account, or that class of calls,
rest until it is over. The figures live in the ledger, which all processes share; this adds who may wait how long, and
keeps the turns that the ledger granted ahead of time to calls that a person waits for (``net.turns_ahead``).
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from sluicegate.core.account_calls import CallOutcome, outcome_of
from sluicegate.core.errors import (
    AccountLocked,
    CoolingDown,
    HeldBack,
    SlotsFull,
    SluicegateError,
    UpstreamError,
    UpstreamLimit,
    UpstreamQuota,
    UpstreamRateLimited,
)
from sluicegate.core.manifest import CallLimit
from sluicegate.core.pacing import EVERY_CALL, WAITED, Allowance, Ledger, Priority, Turn
from sluicegate.core.ports import Clock
from sluicegate.net.turns_ahead import TurnsAhead

__all__ = ["CREATES", "PATIENCE", "Pacing", "RestNotices"]

_log: Final = logging.getLogger(__name__)

CREATES: Final = ("submit_magnet", "submit_nzb", "submit_torrent_file", "submit_web")
"""Classes of calls that share the account's slots."""

PATIENCE: Final[Mapping[Priority, float]] = {Priority.PLAY: 10.0, Priority.SYNC: 2.0, Priority.BACKGROUND: 0.0}
"""Seconds a call may wait for its turn. Tasks ask to run again instead of waiting; a person rather waits."""

_WAITERS_PER_ACCOUNT: Final = 256
_LOOK_AGAIN: Final = 0.5
"""A turn may come earlier than computed, when calls on their way end."""
_SETTLE_EVERY: Final = 5.0
_UNTOLD_SECONDS: Final = 15.0
"""For which an ended call waits for the account's next question to tell of it; after that it is told by itself."""
_SETTLE_BATCH: Final = 200
"""Tickets that are told together: whoever needs a turn waits for that statement."""
_REST_MAX: Final = 6 * 3600.0
_REST_UNTOLD: Final[tuple[tuple[type[UpstreamError], float], ...]] = (
    (CoolingDown, 60.0),
    (UpstreamQuota, 60.0),
    (UpstreamRateLimited, 30.0),
    (SlotsFull, 30.0),
)
"""Seconds for a limit error that does not tell how long it lasts."""


class RestNotices(Protocol):
    """Tells a process that accounts have to rest, whichever process learnt of it."""

    async def watch(self, changed: Callable[[], None]) -> None:
        """Calls ``changed`` after every such rest, and whenever notices may have been missed."""
        ...


class Pacing:
    """Decides when a call may be made.

    Args:
        ledger: who called when.
        clock: monotonic time.
        sleep: waits; handed in, with the clock, by those who drive time.
        patience: see ``PATIENCE``.
        note: told account, class and outcome of every call; must cost nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: Mapping[Priority, float] = PATIENCE,
        note: Callable[[str, str, CallOutcome], None] = lambda *_: None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._note = note
        self._ahead = TurnsAhead(clock)
        self._ended: defaultdict[str, _Ended] = defaultdict(lambda: _Ended(clock.monotonic()))
        self._waiting: Counter[str] = Counter()

    def turn(
        self, account: str, limits: Sequence[CallLimit], *, calls: str, priority: Priority, provider: str = ""
    ) -> AbstractAsyncContextManager[None]:
        """Waits for a turn, counts one call, and learns from the error if the block raises one.

        Args:
            account: the ledger's key.
            limits: the provider's published limits.
            calls: class of the call: the name of the ``Provider`` method.
            priority: how long it may wait, and how much of the account-wide limits it leaves to others.
            provider: house name, for the error.

        Raises:
            HeldBack: the turn comes later than this priority waits; raised at once, with the wait.
        """
        return _Turn(self, account, _allowances(tuple(limits), calls, priority), calls, priority, provider)

    async def begin(
        self, account: str, allowances: Sequence[Allowance], calls: str, priority: Priority, provider: str
    ) -> int | None:
        """The ticket of a call whose turn has come. Raises HeldBack; see ``turn``."""
        if priority is Priority.PLAY and (ready := self._ahead.take(account, calls, allowances)) is not None:
            return ready
        try:
            return await self._take(account, allowances, calls, priority, provider)
        except HeldBack:
            self._note(account, calls, CallOutcome.HELD)
            raise

    async def end(self, account: str, calls: str, ticket: int | None, error: BaseException | None) -> None:
        """What became of the call; see ``turn``."""
        try:
            self._note(account, calls, CallOutcome.ANSWERED if error is None else outcome_of(error))
            if isinstance(error, UpstreamError):
                await self._learn(account, calls, error)
        finally:
            if ticket is not None:
                # Told with the next call: until then it merely counts a little longer.
                self._ended[account].tickets.append(ticket)

    async def _take(
        self, account: str, allowances: Sequence[Allowance], calls: str, priority: Priority, provider: str
    ) -> int | None:
        began = self._clock.monotonic()
        deadline = began + self._patience[priority]
        if self._waiting[account] >= _WAITERS_PER_ACCOUNT:
            raise HeldBack("Too many calls wait for this account.", provider=provider, retry_after=_LOOK_AGAIN)
        self._waiting[account] += 1
        try:
            while (turn := await self._ask(account, calls, allowances, priority)).wait > 0:
                if self._clock.monotonic() + turn.wait > deadline:
                    raise HeldBack(turn.reason, provider=provider, retry_after=turn.wait)
                await self._sleep(min(turn.wait, _LOOK_AGAIN))
            return turn.ticket
        finally:
            self._waiting[account] -= 1
            if not self._waiting[account]:
                del self._waiting[account]
            if (waited := WAITED.get()) is not None:
                waited.seconds += self._clock.monotonic() - began

    async def _ask(self, account: str, calls: str, allowances: Sequence[Allowance], priority: Priority) -> Turn:
        told, ahead = self._ended.pop(account, None), self._ahead
        ended = told.tickets if told else ()
        wanted = ahead.wanted(allowances) if priority is Priority.PLAY else 0
        withdrawn = ahead.withdrawn
        try:
            turn = await self._ledger.take(account, calls, allowances, ended=ended, ahead=wanted)
        except BaseException:  # told with the next question instead
            self._ended[account].tickets += ended
            raise
        if turn.spare and ahead.opened and ahead.withdrawn == withdrawn:
            ahead.keep(account, calls, allowances, turn.spare)
        else:
            ahead.discard(turn.spare)
        return turn

    @asynccontextmanager
    async def running(self, notices: RestNotices) -> AsyncIterator[None]:
        """Inside the block turns are asked for ahead of time; leaving it gives back what is left of them.

        Raises:
            InternalError: the notices are not to be had.
        """
        await notices.watch(self._ahead.withdraw)
        self._ahead.opened = True
        settling = asyncio.create_task(self._keep_settling(), name="turns of the account ledger")
        try:
            yield
        finally:
            self._ahead.opened = False
            self._ahead.withdraw()
            settling.cancel()
            await asyncio.wait({settling})
            await self._settle(untold=0.0)

    async def _keep_settling(self) -> None:
        while True:
            await asyncio.sleep(_SETTLE_EVERY)
            await self._settle(untold=_UNTOLD_SECONDS)

    async def _settle(self, *, untold: float) -> None:
        """Tells the ledger of turns that nobody will use, and of calls that no question told it of for a while."""
        unused, since = self._ahead.unused(), self._clock.monotonic() - untold
        silent = [account for account, ended in self._ended.items() if ended.since <= since]
        ended = [ticket for account in silent for ticket in self._ended.pop(account).tickets]
        try:
            for batch in _batches(ended):
                await self._ledger.settle(ended=batch, unused=())
            for batch in _batches(unused):
                await self._ledger.settle(ended=(), unused=batch)
        except SluicegateError as error:  # they count until their hold is over
            _log.warning("turns of the account ledger could not be given back: %s", error.detail)

    async def _learn(self, account: str, calls: str, error: UpstreamError) -> None:
        if isinstance(error, HeldBack):
            return
        told = error.retry_after
        untold = next((seconds for kind, seconds in _REST_UNTOLD if isinstance(error, kind)), 0.0)
        seconds = min(untold if told is None else told, _REST_MAX)
        if seconds > 0 and (told is not None or isinstance(error, UpstreamLimit)):
            reason = f"{error.detail} It is left alone until that is over."
            self._ahead.withdraw()
            await self._ledger.rest(account, _resting(calls, error), seconds, reason)


@dataclass(slots=True)
class _Ended:
    """Calls of an account whose end the ledger is to be told, and since when there are some."""

    since: float
    tickets: list[int] = field(default_factory=list)


def _batches(tickets: Sequence[int]) -> Iterator[Sequence[int]]:
    return (tickets[start : start + _SETTLE_BATCH] for start in range(0, len(tickets), _SETTLE_BATCH))


class _Turn(AbstractAsyncContextManager[None]):
    """One call; a class, as a generator costs several times as much, and every upstream call passes here."""

    __slots__ = ("_account", "_allowances", "_calls", "_pacing", "_priority", "_provider", "_ticket")

    def __init__(
        self,
        pacing: Pacing,
        account: str,
        allowances: Sequence[Allowance],
        calls: str,
        priority: Priority,
        provider: str,
    ) -> None:
        self._pacing = pacing
        self._account = account
        self._allowances = allowances
        self._calls = calls
        self._priority = priority
        self._provider = provider
        self._ticket: int | None = None

    async def __aenter__(self) -> None:
        self._ticket = await self._pacing.begin(
            self._account, self._allowances, self._calls, self._priority, self._provider
        )

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        await self._pacing.end(self._account, self._calls, self._ticket, error)


@lru_cache(1024)
def _allowances(limits: tuple[CallLimit, ...], calls: str, priority: Priority) -> tuple[Allowance, ...]:
    """What the call must fit into; of account-wide limits, which all priorities share, the lower ones leave a part."""
    return tuple(
        Allowance(limit, max(1, limit.count * priority // 100) if limit.calls == EVERY_CALL else limit.count)
        for limit in limits
        if limit.covers(calls)
    )


def _resting(calls: str, error: UpstreamError) -> tuple[str, ...]:
    """Which classes an error lets rest: all, those that need a slot, or those like the call itself."""
    if isinstance(error, CoolingDown | AccountLocked):
        return (EVERY_CALL,)
    return CREATES if calls in CREATES else (calls,)
