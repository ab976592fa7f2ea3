"""How fast bytes come in."""

import time
from collections import deque
from typing import Final

__all__ = ["Meter"]

_WINDOW: Final = 5.0
_SLOT: Final = 0.25


class Meter:
    """Counts bytes over the last five seconds, in quarter-second slots."""

    def __init__(self) -> None:
        self._slots: deque[tuple[float, int]] = deque()
        self._born = time.monotonic()
        self._quick_at = self._born

    def count(self, size: int) -> None:
        """``size`` bytes have come in."""
        now = time.monotonic()
        if self._slots and now - self._slots[-1][0] < _SLOT:
            self._slots[-1] = (self._slots[-1][0], self._slots[-1][1] + size)
        else:
            self._slots.append((now, size))
        self._trim(now)

    def speed(self) -> int:
        """Bytes per second."""
        now = time.monotonic()
        self._trim(now)
        span = min(max(now - self._born, _SLOT), _WINDOW)
        return int(sum(size for _, size in self._slots) / span)

    def slow_for(self, below: int) -> float:
        """Seconds since the speed was last at least ``below`` bytes per second (asked about often enough)."""
        now = time.monotonic()
        if self.speed() >= below:
            self._quick_at = now
        return now - self._quick_at

    def _trim(self, now: float) -> None:
        while self._slots and now - self._slots[0][0] > _WINDOW:
            self._slots.popleft()
