"""Spends an account's upstream calls within its published limits, and keeps away while the provider asks for rest.

A slot is taken before each call: ``async with pacing.slot(account, limits, calls="link", priority=Priority.PLAY)``.
The block's own errors teach: a rate limit or cool-down that the provider reports closes the account, or that class of
calls, until it is over. This ledger lives in the process; one that several processes share keeps the same interface.

A limit "250 calls in 60 seconds" is kept for every 60 seconds, wherever they begin: a token bucket of that size would
let nearly 500 through around a refill.
"""

import asyncio
import itertools
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from sluicegate.core.errors import AccountLocked, CoolingDown, UpstreamError, UpstreamLimit, UpstreamRateLimited
from sluicegate.core.manifest import CallLimit
from sluicegate.core.ports import Clock

__all__ = ["LimitState", "Pacing", "Priority"]

EVERY_CALL: Final = "*"
_ACCOUNTS: Final = 10_000
_WAITERS_PER_ACCOUNT: Final = 256
_LOOK_AGAIN: Final = 0.5
"""A waiter's turn may come earlier than computed, when somebody in front gives up."""
_COOL_DOWN_MAX: Final = 6 * 3600.0
_COOL_DOWN_UNTOLD: Final = 30.0
"""Seconds for a limit error that does not tell how long it lasts."""


class Priority(IntEnum):
    """Who goes first; the value is also the share of each limit, in percent, that such calls may use up."""

    BACKGROUND = 70
    SYNC = 90
    PLAY = 100


@dataclass(frozen=True, slots=True)
class LimitState:
    """How much of a limit is left, for people to read.

    Attributes:
        limit: the published limit.
        used: calls in the window that ends now.
        cooling_seconds: how long this class of calls rests, 0 when it does not.
    """

    limit: CallLimit
    used: int
    cooling_seconds: float


@dataclass(slots=True)
class _Ledger:
    """One account: when its calls were, who waits, and until when it rests."""

    spent: dict[CallLimit, deque[float]] = field(default_factory=dict)
    rests_until: dict[str, float] = field(default_factory=dict)
    waiting: list[tuple[int, int, str]] = field(default_factory=list)


class Pacing:
    """The ledgers of all accounts that this process calls for.

    Args:
        clock: monotonic time.
        sleep: waits; handed in so that tests need not.
    """

    def __init__(self, clock: Clock, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._ledgers: OrderedDict[str, _Ledger] = OrderedDict()
        self._order = itertools.count()

    @asynccontextmanager
    async def slot(
        self,
        account: str,
        limits: Sequence[CallLimit],
        *,
        calls: str,
        priority: Priority = Priority.SYNC,
        patience: float = 10.0,
    ) -> AsyncIterator[None]:
        """Waits for a turn, counts one call, and learns from the error if the block raises one.

        Args:
            account: the ledger's key.
            limits: the provider's published limits.
            calls: class of the call.
            priority: higher ones go first, and lower ones leave a part of each limit to them.
            patience: seconds that waiting may take.

        Raises:
            UpstreamRateLimited: the turn comes later than ``patience``; raised at once, with the wait.
        """
        ledger = self._ledger(account)
        mine = [limit for limit in limits if limit.calls in (calls, EVERY_CALL)]
        await self._take(ledger, mine, calls, priority, patience)
        try:
            yield
        except UpstreamError as error:
            self._learn(ledger, calls, error)
            raise

    def outlook(self, account: str, limits: Sequence[CallLimit]) -> tuple[LimitState, ...]:
        """What is left of each limit."""
        ledger = self._ledger(account)
        now = self._clock.monotonic()
        return tuple(
            LimitState(limit, len(_window(ledger, limit, now)), _rest(ledger, limit.calls, now)) for limit in limits
        )

    def rest(self, account: str, seconds: float, *, calls: str = EVERY_CALL) -> None:
        """Leaves an account alone for a while, as its provider asked."""
        until = self._clock.monotonic() + min(seconds, _COOL_DOWN_MAX)
        rests = self._ledger(account).rests_until
        rests[calls] = max(until, rests.get(calls, 0.0))

    async def _take(
        self, ledger: _Ledger, limits: list[CallLimit], calls: str, priority: Priority, patience: float
    ) -> None:
        if len(ledger.waiting) >= _WAITERS_PER_ACCOUNT:
            raise UpstreamRateLimited("Too many calls wait for this account.", retry_after=_LOOK_AGAIN)
        deadline = self._clock.monotonic() + patience
        turn = (-priority, next(self._order), calls)
        ledger.waiting.append(turn)
        try:
            while (wait := self._wait(ledger, limits, turn)) > 0:
                if self._clock.monotonic() + wait > deadline:
                    raise UpstreamRateLimited("The account's calls are used up for now.", retry_after=wait)
                await self._sleep(min(wait, _LOOK_AGAIN))
            now = self._clock.monotonic()
            for limit in limits:
                _window(ledger, limit, now).append(now)
        finally:
            ledger.waiting.remove(turn)

    def _wait(self, ledger: _Ledger, limits: list[CallLimit], turn: tuple[int, int, str]) -> float:
        """Seconds until this turn's call fits into every limit, those in front of it counted."""
        now = self._clock.monotonic()
        share = -turn[0]
        ahead = sum(1 for other in ledger.waiting if other < turn and other[2] == turn[2])
        waits = [_rest(ledger, turn[2], now)]
        for limit in limits:
            window = _window(ledger, limit, now)
            allowed = max(1, limit.count * share // 100)
            surplus = len(window) + ahead - allowed
            if surplus >= 0:
                # The call that must leave the window first; it may be one that a waiter in front has yet to make.
                made = window[surplus] if surplus < len(window) else now + limit.seconds
                waits.append(made + limit.seconds - now)
        return max(waits)

    def _learn(self, ledger: _Ledger, calls: str, error: UpstreamError) -> None:
        if not isinstance(error, UpstreamLimit | AccountLocked) and error.retry_after is None:
            return
        whole = isinstance(error, CoolingDown | AccountLocked)
        untold = _COOL_DOWN_UNTOLD if isinstance(error, UpstreamRateLimited | CoolingDown) else 0.0
        seconds = min(untold if error.retry_after is None else error.retry_after, _COOL_DOWN_MAX)
        if seconds > 0:
            scope = EVERY_CALL if whole else calls
            until = self._clock.monotonic() + seconds
            ledger.rests_until[scope] = max(until, ledger.rests_until.get(scope, 0.0))

    def _ledger(self, account: str) -> _Ledger:
        ledger = self._ledgers.setdefault(account, _Ledger())
        self._ledgers.move_to_end(account)
        if len(self._ledgers) > _ACCOUNTS:
            oldest = next((key for key, other in self._ledgers.items() if not other.waiting), account)
            if oldest != account:
                del self._ledgers[oldest]
        return ledger


def _window(ledger: _Ledger, limit: CallLimit, now: float) -> deque[float]:
    window = ledger.spent.setdefault(limit, deque())
    while window and window[0] + limit.seconds <= now:
        window.popleft()
    return window


def _rest(ledger: _Ledger, calls: str, now: float) -> float:
    until = max(ledger.rests_until.get(calls, 0.0), ledger.rests_until.get(EVERY_CALL, 0.0))
    return max(0.0, until - now)
