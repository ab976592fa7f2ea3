"""What was read on pages a moment ago, kept for the job that is about to fetch them, so that no page is read twice.

A request that looks whether an address is a collection is followed by its job. The text comes from a child and goes to
a child; nobody in between reads it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

__all__ = ["Readings"]

_SECONDS: Final = 60.0
"""Addresses of media in a reading expire, too; hosts that sign them give hours, not seconds."""

_MOST: Final = 64
_BYTES: Final = 256 * 1024
"""Of one reading; both bounds together are 16 MiB."""


class Readings:
    """Readings by the address of their page, each handed out once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def keep(self, url: str, reading: str | None) -> None:
        """Keeps a reading in place of the former one; the oldest make room, and one that is too large is dropped."""
        self._kept.pop(url, None)
        if reading is None or len(reading) > _BYTES:
            return
        self._kept[url] = (self._clock() + _SECONDS, reading)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def knows(self, url: str) -> bool:
        """Whether there is one that has not expired."""
        found = self._kept.get(url)
        return found is not None and found[0] > self._clock()

    def take(self, url: str) -> str | None:
        """The reading, which is gone then; None without one."""
        known = self.knows(url)
        _, reading = self._kept.pop(url, (0.0, None))
        return reading if known else None
