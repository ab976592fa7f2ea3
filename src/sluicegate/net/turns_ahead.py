"""Turns that the ledger granted before they were asked for, so that a person's next calls need not ask it.

They are counted from the moment they are granted: no limit is ever exceeded, by however many processes. What is left
of them goes back unused. When an account has to rest, they are worth nothing any more, whoever learnt of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sluicegate.core.pacing import Allowance
from sluicegate.core.ports import Clock

__all__ = ["AHEAD_SECONDS", "TurnsAhead"]

AHEAD_SECONDS: Final = 10.0
"""How long such a turn may be used. Whoever asks twice within that time mostly asks more often."""
_MOST: Final = 8
_SHARE: Final = 16
"""The part of a limit, as its divisor, that one grant takes ahead: of a limit below this many calls, none."""
_CLASSES_MOST: Final = 4096
"""Classes of calls of accounts for which some are kept."""


@dataclass(slots=True)
class _Kept:
    allowances: Sequence[Allowance]
    tickets: list[int]
    until: float


class TurnsAhead:
    """Those of one process.

    Attributes:
        opened: False while nobody would tell this process that an account has to rest: then none are asked for.
        withdrawn: how often all were taken back; what was asked for before that is not to be kept after it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._unused: list[int] = []
        self.opened = False
        self.withdrawn = 0

    def wanted(self, allowances: Sequence[Allowance]) -> int:
        """How many to ask for beyond the one that is needed."""
        if not (self.opened and allowances) or len(self._kept) >= _CLASSES_MOST:
            return 0
        return min(_MOST, *(allowance.count // _SHARE for allowance in allowances))

    def take(self, account: str, calls: str, allowances: Sequence[Allowance]) -> int | None:
        """The ticket of one that may be used now; None when there is none."""
        kept = self._kept.get((account, calls))
        if kept is None or kept.allowances != allowances or kept.until < self._clock.monotonic():
            return None
        ticket = kept.tickets.pop()
        if not kept.tickets:
            del self._kept[account, calls]
        return ticket

    def keep(self, account: str, calls: str, allowances: Sequence[Allowance], tickets: Sequence[int]) -> None:
        """Keeps some for the next calls."""
        before = self._kept.get((account, calls))
        if before is not None:
            self._unused += before.tickets
        until = self._clock.monotonic() + AHEAD_SECONDS
        self._kept[account, calls] = _Kept(allowances, list(tickets), until)

    def withdraw(self) -> None:
        """Nobody may use what is kept."""
        self.withdrawn += 1
        for kept in self._kept.values():
            self._unused += kept.tickets
        self._kept.clear()

    def discard(self, tickets: Iterable[int]) -> None:
        """Nobody may use these."""
        self._unused += tickets

    def unused(self) -> list[int]:
        """All that nobody may use any more, told once, as the ledger is to take them back."""
        now = self._clock.monotonic()
        for key, kept in list(self._kept.items()):
            if kept.until < now:
                self._unused += kept.tickets
                del self._kept[key]
        unused, self._unused = self._unused, []
        return unused
